#!/usr/bin/env python3
"""A soak: requests over HTTP/1.1 and HTTP/2 while the table's store and the origin fail, again and again.

    cargo build --release -p verge && python3 benches/soak.py [--minutes N] [--verge PATH]          needs curl and openssl

The store hangs up, falls silent, throttles, breaks and denies, ten seconds each; the origin goes away for two seconds of every
twenty, and for a moment five times in a row at the end of every minute. A line every ten seconds has memory and descriptors. It ends with 1 where either has grown by more than a tenth since the first fifth of
the time, and where a request failed that had no reason to: all but 502 and 504 while the origin was away.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests/tools"))
from node import DOMAIN, Node

# What the store does, ten seconds each: an answer to everything, the end of the connection, or nothing at all.
FAULTS = [None, "down", None, "silent", None, (400, "ProvisionedThroughputExceededException"), (500, "InternalServerError"), None,
          (400, "AccessDeniedException"), (400, "ExpiredTokenException"), (400, "ResourceNotFoundException")]
STEP, FLAP, AWAY = 10, 20, 2
# Seconds of every minute in which it comes and goes, every second one of these moments.
FLUTTER, MOMENT = 55, 0.5
# A fault of the origin's may show for so long after it, where an answer was on its way.
AFTERMATH = 3
KEY = {"api": {"S": "#verge"}, "version": {"S": "#generation"}}


class Store(BaseHTTPRequestHandler):
    """As much of DynamoDB as a scan takes; 200 rows, one of which changes with every generation."""

    protocol_version = "HTTP/1.1"
    generation, fault, faults = 1, None, 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        if kind.fault == "down":
            kind.faults += 1
            self.close_connection = True
            return
        if kind.fault == "silent":
            kind.faults += 1
            # Whoever asks has to give up by itself, or is still there when the fault is over, and gets no answer then.
            while kind.fault == "silent":
                time.sleep(0.1)
            self.close_connection = True
            return
        status, said = 200, {}
        number = {"generation": {"N": str(kind.generation)}}
        operation = self.headers["X-Amz-Target"].split(".")[1]
        if kind.fault:
            kind.faults += 1
            status, said = kind.fault[0], {"__type": f"com.amazonaws.dynamodb.v20120810#{kind.fault[1]}"}
        elif operation == "DescribeTable":
            schema = [{"AttributeName": "api", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}]
            said = {"Table": {"TableName": "t", "TableStatus": "ACTIVE", "KeySchema": schema}}
        elif operation == "GetItem":
            said = {"Item": KEY | number}
        else:
            row = lambda n: {"api": {"S": "any"}, "version": {"S": f"v{n}"}, "domain": {"S": DOMAIN}}
            last = row(1000) | {"base_path": {"S": f"/generation{kind.generation}"}}
            said = {"Items": [*map(row, range(1, 200)), last, KEY | number]}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Soak:
    def __init__(self, node, until):
        self.node, self.until = node, until
        self.away, self.answers, self.failed, self.readings, self.broken = [], {}, [], [], []
        self.lock = threading.Lock()

    def note(self, begun, ended, what):
        with self.lock:
            self.answers[what] = self.answers.get(what, 0) + 1
            if not what.endswith(" 200"):
                self.failed.append((begun, ended, what))

    def unexplained(self):
        """The origin was there, or it is no answer to its absence."""
        away = lambda begun, ended: any(begun < to + AFTERMATH and ended > since for since, to in self.away)
        explained = lambda begun, ended, what: re.search(" (502|504|cut off)$", what) and away(begun, ended)
        return [what for what in self.failed if not explained(*what)]

    def http1(self):
        client = http.client.HTTPConnection("localhost", self.node.http, timeout=60)
        number = 0
        while time.monotonic() < self.until:
            number += 1
            begun = time.monotonic()
            body = bytes(number * 997 % 40_000)
            try:
                client.request("POST", f"/{number}", body=body, headers={"APIVER": f"v{number % 199 + 1}"})
                with client.getresponse() as answer:
                    text = answer.read()
                    what = f"HTTP/1.1 {answer.status}"
                    if answer.status == 200 and json.loads(text)["length"] != len(body):
                        what = "HTTP/1.1 mixed up"
            except (http.client.HTTPException, OSError) as error:
                client.close()
                what = "HTTP/1.1 cut off" if isinstance(error, (http.client.IncompleteRead, ConnectionError)) else f"HTTP/1.1 {error!r}"
            self.note(begun, time.monotonic(), what)

    def http2(self):
        """One connection of curl's after the other, for 500 requests each, some of them side by side."""
        url = f"https://localhost:{self.node.https}/[1-500]"
        command = ["curl", "-sS", "--max-time", "60", "--http2", "--parallel", "--parallel-max", "8", "--cacert", self.node.folder / "cert.pem",
                   "-H", "APIVER: v7", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{time_total}\n", url]
        while time.monotonic() < self.until:
            program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
            for line in program.stdout:
                version, code, took = line.split()
                ended = time.monotonic()
                self.note(ended - float(took) - 0.5, ended, f"HTTP/{version} {code if code != '000' else 'cut off'}")
            program.communicate()

    def come_back(self):
        self.node.rise()
        self.away[-1] = (self.away[-1][0], time.monotonic())

    def faults(self):
        begun, away = time.monotonic(), False
        while (now := time.monotonic()) < self.until:
            Store.fault = FAULTS[int((now - begun) / STEP) % len(FAULTS)]
            Store.generation = 1 + int((now - begun) / 3)
            flutters = (now - begun) % 60 > FLUTTER and int((now - begun) / MOMENT) % 2 == 1
            was, away = away, flutters or (now - begun) % FLAP > FLAP - AWAY and (now - begun) % 60 < FLUTTER
            if away and not was:
                self.away.append((now, float("inf")))
                self.node.fall()
            elif was and not away:
                self.come_back()
            time.sleep(0.1)
        if away:
            self.come_back()

    def run(self, job):
        try:
            job()
        except BaseException as error:
            self.broken.append(f"{job.__name__}: {error!r}")
            raise

    def read(self, begun):
        """Memory in KiB and descriptors, read while the origin is up: what comes and goes with it is no growth."""
        process = f"/proc/{self.node.process.pid}"
        memory = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(process, "status").read_text()).group(1))
        files = len(os.listdir(process + "/fd"))
        self.readings.append((time.monotonic() - begun, memory, files))
        line = {what: count for what, count in sorted(self.answers.items())}
        print(f"{self.readings[-1][0]:5.0f} s  {memory:6} KiB  {files:4} descriptors  faults of the store {Store.faults}  {line}", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--verge", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/verge"))
    asked = arguments.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    table = f"""source = "dynamodb"
name = "api-versions"
region = "us-east-1"
endpoint = "http://127.0.0.1:{server.server_address[1]}"
snapshot = "table.snapshot"
refresh = "2s"
poll = "500ms\""""
    secret = {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_EC2_METADATA_DISABLED": "true"}
    with Node(asked.verge, table=table, environment=secret) as node:
        begun = time.monotonic()
        soak = Soak(node, begun + asked.minutes * 60)
        jobs = [soak.http1, soak.http1, soak.http2, soak.faults]
        threads = [threading.Thread(target=soak.run, args=[job]) for job in jobs]
        for thread in threads:
            thread.start()
        while time.monotonic() + STEP < soak.until:
            time.sleep(STEP)
            soak.read(begun)
        for thread in threads:
            thread.join()
        panics = node.metric("verge_panics_total")

    # Each half of what comes after the first fifth, by its largest reading: one reading says little.
    warm = soak.readings[len(soak.readings) // 5:]
    faults = list(soak.broken) + [f"{panics:.0f} panics"] * (panics > 0)
    for what, at in (("memory", 1), ("descriptors", 2)):
        early, late = (max(reading[at] for reading in half) for half in (warm[:len(warm) // 2], warm[len(warm) // 2:]))
        print(f"{what}: {early} in the first half, {late} in the second ({(late / early - 1) * 100:+.1f} %)")
        faults += [f"{what} has grown"] * (late > early * 1.1)
    lost = soak.unexplained()
    print(f"{sum(soak.answers.values())} requests {soak.answers}; the origin was away {len(soak.away)} times; "
          f"{len(soak.failed) - len(lost)} failures explained, {len(lost)} not: {lost[:5]}")
    faults += ["requests failed without a reason"] * bool(lost)
    faults += ["an injected fault was never met"] * (Store.faults == 0 or not soak.away)
    print("soak: " + (", ".join(faults) or "flat"))
    sys.exit(1 if faults else 0)


main()
