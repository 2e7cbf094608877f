#!/usr/bin/env python3
"""A large table: memory, start, and what requests cost while it is read again.

    cargo build --release -p verge && python3 benches/large.py [rows]          needs nginx (the origin) and wrk

DynamoDB is stood in for by pages made beforehand, so that what is measured is the node. Memory is VmRSS and VmHWM of
/proc/PID/status; CPU is that of the serving thread alone (/proc/PID/task/TID/schedstat), over the requests that wrk completed.

A machine's speed changes by the minute. So what a read costs requests is told by turns of a second, one after the other: in
one nobody reads, in one the node itself reads its whole table again and again, and in one another process does, which reads
the same table from the same store. The last shows what any work beside a node costs it on this machine; what the node's own
reading costs beyond that is its own doing. Turns are compared with their neighbours, and the middle of all is told.
"""
import json, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERGE = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/verge")
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
PAGE = 2000
TURNS = 40


class Table:
    """What a store holds: pages as DynamoDB gives them."""

    def __init__(self):
        self.pages, self.generation, self.scans, self.rows = [], 0, 0, 0

    def fill(self, rows, base=lambda n: "/prod"):
        """So many rows, whatever was there before."""
        self.rows = rows
        self.pages = [self.page(first, base) for first in range(0, rows, PAGE)]
        self.bump(base)

    def bump(self, base=lambda n: "/prod"):
        """Another generation of the same rows."""
        self.generation += 1
        self.pages[-1] = self.page((self.rows - 1) // PAGE * PAGE, base)

    def page(self, first, base):
        items = [{"api": {"S": "orders"}, "version": {"S": f"v{n + 1}"},
                  "domain": {"S": f"a{n * 7919 % 1000003:010x}.execute-api.us-east-1.amazonaws.com"},
                  "base_path": {"S": base(n)}, "scheme": {"S": "http"}} for n in range(first, min(self.rows, first + PAGE))]
        if first + PAGE >= self.rows:
            return json.dumps({"Items": items + [self.own()]}).encode()
        return json.dumps({"LastEvaluatedKey": {"api": {"S": "orders"}, "version": {"S": str(first + PAGE)}}, "Items": items}).encode()

    def own(self):
        return {"api": {"S": "#verge"}, "version": {"S": "#generation"}, "generation": {"N": str(self.generation)}}


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        table = self.server.table
        operation = self.headers["X-Amz-Target"].split(".")[1]
        if operation == "DescribeTable":
            key = [{"AttributeName": "api", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}]
            body = json.dumps({"Table": {"TableName": "t", "TableStatus": "ACTIVE", "KeySchema": key}}).encode()
        elif operation == "GetItem":
            body = json.dumps({"Item": table.own()}).encode()
        else:
            start = asked.get("ExclusiveStartKey")
            page = int(start["version"]["S"]) // PAGE if start else 0
            table.scans += page == 0
            body = table.pages[page]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(rows):
    """A store of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.table = Table()
    server.table.fill(rows)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answer(http):
    with socket.create_connection(("127.0.0.1", http)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nAPIVER: nope\r\n\r\n")
        return client.recv(100)[9:12]


class Node:
    def __init__(self, directory, store, origin):
        self.http, self.admin = port(), port()
        config = os.path.join(directory, "verge.toml")
        hosts = "".join(f'"a{n * 7919 % 1000003:010x}.execute-api.us-east-1.amazonaws.com" = "127.0.0.1:{origin}"\n' for n in range(2))
        with open(config, "w") as file:
            file.write(f"""[listen]
http = "127.0.0.1:{self.http}"
threads = 1
[admin]
address = "127.0.0.1:{self.admin}"
[log]
access = "off"
[table]
source = "dynamodb"
name = "api-versions"
region = "us-east-1"
endpoint = "http://127.0.0.1:{store.server_port}"
snapshot = "table.snapshot"
refresh = "1h"
poll = "100ms"
[origins]
allow = ["*.execute-api.*.amazonaws.com"]
insecure = true
[origins.connect]
{hosts}[[api]]
name = "orders"
hosts = ["*"]
""")
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}
        self.began = time.perf_counter()
        self.process = subprocess.Popen([VERGE, "serve", "-c", config], env=environment, stderr=subprocess.DEVNULL)

    def __enter__(self):
        while True:
            try:
                self.first = answer(self.http)
                break
            except OSError:
                time.sleep(0.001)
        self.started = time.perf_counter() - self.began
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def metric(self, name):
        """`None`: there is none, or the admin listener is not open yet."""
        try:
            page = self.page()
        except OSError:
            return None
        found = re.search(rf"^{name} (\S+)$", page, re.M)
        return float(found.group(1)) if found else None

    def page(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics") as page:
            return page.read().decode()

    def wait_for(self, name, value):
        while self.metric(name) != value:
            time.sleep(0.05)

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            text = file.read()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", text).group(1)) // 1024 for name in ("VmRSS", "VmHWM"))

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def serving(self):
        """CPU of the serving thread, in seconds."""
        tasks = f"/proc/{self.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm") as file:
                name = file.read()
            if "verge-serve" in name:
                with open(f"{tasks}/{task}/schedstat") as file:
                    return int(file.read().split()[0]) / 1e9

    def load(self, seconds):
        """Requests for v1 with 32 connections: requests, and microseconds of the serving thread for each."""
        before = self.serving()
        out = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "-H", "APIVER: v1", f"http://127.0.0.1:{self.http}/"],
                             capture_output=True, text=True).stdout
        assert "Non-2xx" not in out, out
        requests = int(re.search(r"(\d+) requests in", out).group(1))
        return requests, (self.serving() - before) / requests * 1e6


def memory(origin, rows):
    store = serve(rows)
    with tempfile.TemporaryDirectory() as directory, Node(directory, store, origin) as node:
        node.wait_for("verge_table_rows", rows)
        time.sleep(4.5)
        print(f"{rows} rows: {node.memory()[0]} MiB, {node.memory()[1]} at most while it was read first")
        for what, base in [("one row changed", lambda n: "/next" if n == 0 else "/prod"), ("every row changed", lambda n: "/all")]:
            node.forget_peak()
            store.table.fill(rows, base)
            node.wait_for("verge_table_generation", store.table.generation)
            time.sleep(4.5)
            print(f"{rows} rows, {what}: {node.memory()[0]} MiB, {node.memory()[1]} at most")
    store.shutdown()


def cost(origin, rows):
    """What a request costs with so many rows, in microseconds."""
    store = serve(rows)
    with tempfile.TemporaryDirectory() as directory, Node(directory, store, origin) as node:
        node.wait_for("verge_table_rows", rows)
        node.load(1)
        micros = node.load(3)[1]
    store.shutdown()
    return micros


class Reading:
    """A node that reads its table again and again, while it is told to."""

    def __init__(self, node, store):
        self.node, self.store, self.on, self.times, self.over = node, store, threading.Event(), 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over:
            if self.on.wait(0.05):
                self.store.table.bump()
                self.node.wait_for("verge_table_generation", self.store.table.generation)
                self.times += 1

    def end(self):
        self.over = True
        self.thread.join()


def turns(origin, rows):
    """Microseconds a request while nobody reads, the node itself does, and another does; and how often those read."""
    stores = [serve(rows), serve(rows)]
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there, \
            Node(here, stores[0], origin) as node, Node(there, stores[1], origin) as other:
        readings = {"itself": Reading(node, stores[0]), "another": Reading(other, stores[1])}
        for one in node, other:
            one.wait_for("verge_table_rows", rows)
        micros = {"nobody": [], "itself": [], "another": []}
        node.load(1)
        for _ in range(TURNS):
            for who in random.sample(sorted(micros), len(micros)):
                reading = readings.get(who)
                if reading:
                    reading.on.set()
                micros[who].append(node.load(1)[1])
                if reading:
                    reading.on.clear()
                time.sleep(0.5)
        for reading in readings.values():
            reading.end()
    for store in stores:
        store.shutdown()
    return micros, {who: reading.times for who, reading in readings.items()}


def middle(numbers):
    """The middle one, and where it would be expected in 19 of 20 runs."""
    ordered, reach = sorted(numbers), 0.98 * len(numbers) ** 0.5
    half = len(ordered) / 2
    return ordered[int(half)], ordered[max(0, int(half - reach))], ordered[min(len(ordered) - 1, int(half + reach))]


def main():
    origin = port()
    nginx = tempfile.mkdtemp()
    with open(f"{nginx}/conf", "w") as file:
        file.write(f"daemon off; pid {nginx}/pid; error_log stderr crit; events {{}} http {{ access_log off; keepalive_requests 100000000; "
                   f"server {{ listen 127.0.0.1:{origin}; location / {{ return 200 ok; }} }} }}")
    origin_process = subprocess.Popen(["nginx", "-c", f"{nginx}/conf"], stderr=subprocess.DEVNULL)
    try:
        memory(origin, 1)
        memory(origin, ROWS)
        rounds = [[cost(origin, rows) for rows in (2, ROWS)] for _ in range(5)]
        for case, rows in enumerate((2, ROWS)):
            micros = sorted(found[case] for found in rounds)
            print(f"{rows} rows: {micros[2]:.1f} us of the serving thread a request ({micros[0]:.1f} to {micros[-1]:.1f})")
        micros, times = turns(origin, ROWS)
        print(f"{ROWS} rows, nobody reads: {middle(micros['nobody'])[0]:.1f} us of the serving thread a request, {TURNS} turns")
        for who, than in [("itself", "nobody"), ("another", "nobody"), ("itself", "another")]:
            part, low, high = middle([100 * (a / b - 1) for a, b in zip(micros[who], micros[than])])
            print(f"{who} reads ({times[who]} times), against {than}: {part:+.1f} % ({low:+.1f} to {high:+.1f})")
        store = serve(ROWS)
        with tempfile.TemporaryDirectory() as directory:
            with Node(directory, store, origin) as node:
                node.wait_for("verge_table_rows", ROWS)
                time.sleep(3)
            store.shutdown()
            store.server_close()
            starts = []
            for _ in range(5):
                with Node(directory, store, origin) as node:
                    assert node.first == b"403", node.first
                    starts.append(node.started * 1000)
        print(f"{ROWS} rows, from exec to the first answer, the store away: {min(starts):.0f} to {max(starts):.0f} ms")
    finally:
        origin_process.terminate()
        origin_process.wait()
        shutil.rmtree(nginx)


main()
