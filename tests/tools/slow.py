"""slowhttptest against `verge`: who is slow is closed by its deadline, and nobody else notices."""

import subprocess
import sys
import time
import urllib.request

from node import Node

CASES = {
    "slow heads": ["-H"],
    "slow bodies": ["-B", "-s", "8192"],
    "slow readers": ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "3"],
    "ranges": ["-R", "-a", "10", "-b", "3000"],
}
LIMITS = 'head_timeout = "2s"\nbody_timeout = "2s"\nidle_timeout = "2s"\nbody_rate = "1KiB"'


def main(verge):
    with Node(verge, limits=LIMITS) as node:
        for name, words in CASES.items():
            url = f"http://127.0.0.1:{node.http}/"
            command = ["slowhttptest", *words, "-c", "200", "-r", "200", "-i", "1", "-l", "8", "-p", "5", "-u", url]
            attack = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            worst = 0.0
            while attack.poll() is None:
                begun = time.monotonic()
                with urllib.request.urlopen(url + "probe", timeout=10) as answer:
                    assert answer.status == 200
                worst = max(worst, time.monotonic() - begun)
                time.sleep(0.1)
            begun = time.monotonic()
            while (left := node.metric("verge_connections")) > 0:
                assert time.monotonic() - begun < 30, f"{name}: {left} connections are still open"
                time.sleep(0.1)
            slow = {what: node.metric('verge_client_timeouts_total{waiting_for="%s"}' % what)
                    for what in ("head", "body", "answer")}
            # On a machine of one's own it is milliseconds.
            assert worst < 5, f"{name}: a client beside waited {worst:.2f} s"
            print(f"slow: {name}: a client beside waited {worst * 1000:.0f} ms at most; timeouts so far: {slow}")
        assert slow["head"] >= 100 and slow["body"] >= 100, slow


main(sys.argv[1])
