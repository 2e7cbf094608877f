"""slowhttptest against `verge`: who is slow is closed by its deadline, and nobody else notices."""

import re
import subprocess
import sys
import time
import urllib.request

from node import Node

# How many do what, and as what each is counted that is turned away for it. Readers are fewer: the stage, which is of Python,
# has to fill every buffer on the way to them.
CASES = {
    "slow heads": (200, ["-H"], "", "head"),
    "slow bodies": (200, ["-B", "-s", "8192"], "", "body"),
    "slow readers": (50, ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "1"], "large", "answer"),
    "ranges": (200, ["-R", "-a", "10", "-b", "3000"], "", None),
}
LIMITS = 'head_timeout = "2s"\nbody_timeout = "2s"\nidle_timeout = "2s"\nbody_rate = "1KiB"'


def attack(node, name, clients, words, path):
    """How long a client beside them waited at most, and what slowhttptest said."""
    url = f"http://127.0.0.1:{node.http}/"
    command = ["slowhttptest", *words, "-c", str(clients), "-r", str(clients), "-i", "1", "-l", "15", "-p", "10"]
    worst = 0.0
    with open(node.folder / "said", "w+", encoding="utf-8") as said:
        program = subprocess.Popen([*command, "-u", url + path], stdout=said, stderr=subprocess.STDOUT)
        while program.poll() is None:
            begun = time.monotonic()
            with urllib.request.urlopen(url + "probe", timeout=20) as answer:
                assert answer.status == 200
            worst = max(worst, time.monotonic() - begun)
            time.sleep(0.1)
        said.seek(0)
        text = re.sub("\x1b\\[[0-9;]*[A-Za-z]", "", said.read())
    available = re.findall(r"service available: +(\w+)", text)
    assert available and set(available) == {"YES"}, f"{name}: it was not available: {text}"
    # On a machine of one's own it is milliseconds.
    assert worst < 10, f"{name}: a client beside waited {worst:.2f} s"
    return worst, text


def main(verge):
    with Node(verge, limits=LIMITS) as node:
        for name, (clients, words, path, slow) in CASES.items():
            worst, text = attack(node, name, clients, words, path)
            begun = time.monotonic()
            while (left := node.metric("verge_connections")) > 0:
                assert time.monotonic() - begun < 30, f"{name}: {left} connections are still open"
                time.sleep(0.1)
            line = f"slow: {name}: a client beside waited {worst * 1000:.0f} ms at most"
            if slow:
                gone = node.metric('verge_client_timeouts_total{waiting_for="%s"}' % slow)
                assert gone >= clients / 2, f"{name}: only {gone} were turned away for their {slow}: {text}"
                line += f"; {gone:.0f} of {clients} were closed by their deadline"
            print(line)


main(sys.argv[1])
