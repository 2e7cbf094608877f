#!/usr/bin/env python3
"""Where a request's CPU goes: shares of the samples of the proxy's process, by part.

    make bench-peers          builds what is needed; then
    python3 benches/profile.py [--scenes plain,log,tls] [--peers verge,nginx] [--seconds 8] [--symbols 12]

Jobs, origin and load are those of benches/peers; `perf record -e cpu-clock` (apt-get install linux-perf) looks on. A part is
told by the name of the function on top; what the compiler inlined counts for whom it was inlined into.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import proxies
import scenes

# The first that fits.
PARTS = [
    ("kernel", r"^\[k\]"),
    ("cryptography", r"^libcrypto|aws_lc|gcm|ghash|aesni|aes_|x25519|p256|ecp_|sha(1|256|512)|chacha|poly1305|hmac|ring::|CRYPTO"),
    ("libc: copies, the clock, the allocator of others", r"^(libc|\[vdso\]|ld-linux|libm|libz|libpcre)"),
    ("TLS records and handshakes", r"^libssl|rustls|webpki"),
    ("HTTP/2", r"\bh2::|<h2|hpack"),
    ("allocator", r"^_?mi_|mimalloc|__rdl_|__rust_(alloc|dealloc|realloc)"),
    ("Verge: log lines", r"verge::telemetry::(access|lines|log|line|record|writer)|verge::.*access_log|itoa|ryu|serde_json"),
    ("Verge: ingress", r"verge::ingress|verge::listen"),
    ("the decision", r"verge_router|verge_mappings"),
    ("Verge: phases, telemetry, dialling", r"\bverge"),
    ("pingora", r"^<*(&|dyn |mut |impl )*pingora|drop_in_place<pingora"),
    ("header maps and bytes", r"(^|[^:\w])(http|bytes)::"),
    ("tokio", r"tokio|\bmio::|parking_lot|futures"),
    ("httparse", r"httparse"),
    ("core, alloc, std", r"\b(core|alloc|std|hashbrown)::"),
]


def part(library, symbol):
    """Libraries by their name, the program's own functions by theirs."""
    name = symbol if symbol.startswith("[k]") or not library.startswith(("lib", "ld-", "[")) else f"{library} {symbol}"
    return next((part for part, pattern in PARTS if re.search(pattern, name)), "the rest")


def profile(peer, load, seconds, directory):
    """{part: percent}, and the symbols with the most."""
    file = os.path.join(directory, "perf")
    load(peer, 1)
    recorder = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-p", str(peer.process.child.pid), "-o", file],
                                stderr=subprocess.DEVNULL)
    micros = load(peer, seconds)
    recorder.terminate()
    recorder.wait()
    said = subprocess.run(["perf", "report", "--stdio", "--no-children", "-g", "none", "-F", "overhead,dso,symbol", "-t", "|", "-i", file],
                          capture_output=True, text=True, check=True).stdout
    parts, symbols = collections.Counter(), []
    for line in said.splitlines():
        if found := re.match(r"\s*([\d.]+)%\s*\|(.+?)\s*\|\[(.)\] (.+)", line):
            share, library, mode, symbol = float(found[1]), found[2], found[3], found[4].strip()
            name = part(library, f"[k] {symbol}" if mode == "k" else symbol)
            parts[name] += share
            symbols.append((share, name, symbol))
    return micros, parts, symbols


LOADS = {"plain": (scenes.over_h1, {}), "log": (scenes.over_h1, {"log": True}), "tls": (scenes.over_h2, {"tls": True}),
         "hands": (scenes.handshakes, {"tls": True})}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", default="plain,log,tls", help=f"which, of {', '.join(LOADS)} (default: %(default)s)")
    parser.add_argument("--peers", default="verge,nginx", help=f"which, of {', '.join(proxies.ALL)} (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="of load that is looked at (default: %(default)s)")
    parser.add_argument("--symbols", type=int, default=0, help="so many functions of each besides (default: none)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        proxies.certificates(directory)
        for scene in asked.scenes.split(","):
            load, job = LOADS[scene]
            job = proxies.Job(directory, **job)
            origin = proxies.origin(job)
            for name in asked.peers.split(","):
                peer = proxies.ALL[name](job)
                micros, parts, symbols = profile(peer, load, asked.seconds, directory)
                peer.process.stop()
                print(f"== {scene}, {name}: {micros:.1f} us CPU a request")
                for part_name, share in parts.most_common():
                    print(f"{share:6.1f} %  {share * micros / 100:6.2f} us  {part_name}")
                for share, part_name, symbol in symbols[:asked.symbols]:
                    print(f"      {share:5.2f} %  [{part_name}] {symbol[:120]}", flush=True)
            origin.stop()


main()
