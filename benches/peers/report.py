"""What was found, as one table and one plot."""
import datetime
import os
import platform
import re

import proxies

PAGE = os.path.join(proxies.ROOT, "docs/performance.md")
PLOT = os.path.join(proxies.ROOT, "docs/performance.svg")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
COLOURS = {"verge": "#2f6f4f", "bare": "#8fb5a1", "nginx": "#8a8f98", "haproxy": "#b3b7be", "envoy": "#c9a26b"}


def cell(result, peer):
    if peer not in result.found:
        return "–"
    median, digits = result.median(peer), 1 if result.median(peer) < 1000 else 0
    return f"{median:.{digits}f} ±{result.spread(peer):.0f} %" if len(result.found[peer]) > 1 else f"{median:.{digits}f}"


def over(result, peer):
    both = "verge" in result.found and peer in result.found
    return f"{result.median('verge') / result.median(peer):.2f}" if both else "–"


def table(results):
    peers = [name for name in proxies.ALL if any(name in result.found for result in results)]
    others = [name for name in peers if name in ("bare", "nginx", "envoy")]
    lines = ["| | " + " | ".join(peers) + " | " + " | ".join(f"verge / {name}" for name in others) + " |",
             "|---" * (1 + len(peers) + len(others)) + "|"]
    for result in results:
        cells = [cell(result, peer) for peer in peers] + [over(result, peer) for peer in others]
        lines.append(f"| {result.title}, {result.unit} | " + " | ".join(cells) + " |")
    return lines + [f"\n{result.title}: {result.note}." for result in results if result.note]


def text(results):
    return "\n".join(table(results))


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def write(results, command):
    day = datetime.date.today().isoformat()
    where = f"{processor()}, {os.cpu_count()} cores, Linux {platform.release()}"
    lines = [BEGIN, f"Measured on {day} on {where}, by `{command}`: medians of the rounds, with half of their range.\n",
             *table(results), "\n![CPU per request beside other proxies](performance.svg)", END]
    page = open(PAGE, encoding="utf-8").read()
    measured = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(measured.sub(lambda _: "\n".join(lines), page))
    with open(PLOT, "w", encoding="utf-8") as file:
        file.write(plot([result for result in results if result.unit.startswith("µs CPU")]))


def plot(results):
    """Bars side by side, a group for each scene."""
    bar, gap, left, width = 14, 18, 210, 760
    peers = [name for name in COLOURS if any(name in result.found for result in results)]
    most = max(result.median(peer) for result in results for peer in result.found if result.name != "hands")
    rows, y = [], 40
    for result in results:
        # Handshakes are of another size, and have a scale of their own.
        scale = (width - left - 90) / (max(map(result.median, result.found)) if result.name == "hands" else most)
        rows.append(f'<text x="{left - 8}" y="{y + 11}" text-anchor="end">{result.title}</text>')
        for peer in peers:
            if peer in result.found:
                value = result.median(peer)
                rows.append(f'<rect x="{left}" y="{y}" width="{value * scale:.1f}" height="{bar - 3}" fill="{COLOURS[peer]}"/>'
                            f'<text x="{left + value * scale + 5:.1f}" y="{y + 10}">{value:.1f}</text>')
                y += bar
        y += gap
    legend = "".join(f'<rect x="{left + 90 * at}" y="8" width="11" height="11" fill="{COLOURS[peer]}"/>'
                     f'<text x="{left + 16 + 90 * at}" y="18">{peer}</text>' for at, peer in enumerate(peers))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
            f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
            f'<text x="8" y="18">µs CPU</text>{legend}{"".join(rows)}</svg>\n')
