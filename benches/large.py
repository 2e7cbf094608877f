#!/usr/bin/env python3
"""A large table: memory, start, and what requests cost while it is read again.

    cargo build --release -p verge && python3 benches/large.py [rows]          needs nginx (the origin) and wrk

DynamoDB is stood in for by pages made beforehand, so that what is measured is the node. Memory is VmRSS and VmHWM of
/proc/PID/status; CPU is utime + stime of the serving thread alone, over the requests that wrk completed.
"""
import json, os, re, shutil, socket, subprocess, sys, tempfile, threading, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERGE = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/verge")
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
PAGE = 2000
TICK = os.sysconf("SC_CLK_TCK")
table = {}


def make(rows, generation, base):
    """Pages as DynamoDB gives them."""
    pages = []
    for first in range(0, rows, PAGE):
        items = [{"api": {"S": "orders"}, "version": {"S": f"v{n + 1}"},
                  "domain": {"S": f"a{n * 7919 % 1000003:010x}.execute-api.us-east-1.amazonaws.com"},
                  "base_path": {"S": base(n)}, "scheme": {"S": "http"}} for n in range(first, min(rows, first + PAGE))]
        page = {}
        if first + PAGE >= rows:
            items.append({"api": {"S": "#verge"}, "version": {"S": "#generation"}, "generation": {"N": str(generation)}})
        else:
            page["LastEvaluatedKey"] = {"api": {"S": "orders"}, "version": {"S": str(first + PAGE)}}
        pages.append(json.dumps(page | {"Items": items}).encode())
    table.update(pages=pages, generation=generation, scans=table.get("scans", 0))


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        if operation == "DescribeTable":
            key = [{"AttributeName": "api", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}]
            body = json.dumps({"Table": {"TableName": "t", "TableStatus": "ACTIVE", "KeySchema": key}}).encode()
        elif operation == "GetItem":
            item = {"api": {"S": "#verge"}, "version": {"S": "#generation"}, "generation": {"N": str(table["generation"])}}
            body = json.dumps({"Item": item}).encode()
        else:
            start = asked.get("ExclusiveStartKey")
            page = int(start["version"]["S"]) // PAGE if start else 0
            table["scans"] += page == 0
            body = table["pages"][page]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answer(http):
    with socket.create_connection(("127.0.0.1", http)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nAPIVER: nope\r\n\r\n")
        return client.recv(100)[9:12]


class Node:
    def __init__(self, directory, store, origin, refresh="1h"):
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
endpoint = "http://127.0.0.1:{store}"
snapshot = "table.snapshot"
refresh = "{refresh}"
poll = "500ms"
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
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics") as page:
            found = re.search(rf"^{name} (\S+)$", page.read().decode(), re.M)
        return float(found.group(1)) if found else None

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
            with open(f"{tasks}/{task}/stat") as file:
                name, rest = file.read().rsplit(")", 1)
            if "verge-serve" in name:
                return sum(map(int, rest.split()[11:13])) / TICK

    def load(self, seconds):
        """Requests for v1 with 32 connections: requests, and microseconds of the serving thread for each."""
        before = self.serving()
        out = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "-H", "APIVER: v1", f"http://127.0.0.1:{self.http}/"],
                             capture_output=True, text=True).stdout
        assert "Non-2xx" not in out, out
        requests = int(re.search(r"(\d+) requests in", out).group(1))
        return requests, (self.serving() - before) / requests * 1e6


def memory(directory, store, origin, rows):
    make(rows, 1, lambda n: "/prod")
    shutil.rmtree(directory)
    os.mkdir(directory)
    with Node(directory, store, origin) as node:
        node.wait_for("verge_table_rows", rows)
        time.sleep(4.5)
        print(f"{rows} rows: {node.memory()[0]} MiB, {node.memory()[1]} at most while it was read first")
        for generation, what, base in [(2, "one row changed", lambda n: "/next" if n == 0 else "/prod"),
                                       (3, "every row changed", lambda n: "/all")]:
            node.forget_peak()
            make(rows, generation, base)
            node.wait_for("verge_table_generation", generation)
            time.sleep(4.5)
            print(f"{rows} rows, {what}: {node.memory()[0]} MiB, {node.memory()[1]} at most")


def cost(directory, store, origin, rows, changing):
    make(rows, 1, lambda n: "/prod")
    shutil.rmtree(directory)
    os.mkdir(directory)
    with Node(directory, store, origin) as node:
        node.wait_for("verge_table_rows", rows)
        node.load(1)
        over = threading.Event()

        def change():
            generation = 1
            while not over.is_set():
                generation += 1
                make(rows, generation, lambda n: f"/p{generation}" if n == 1 else "/prod")
                over.wait(1)

        writer = threading.Thread(target=change)
        if changing:
            writer.start()
        scans = table["scans"]
        requests, micros = node.load(8)
        over.set()
        if changing:
            writer.join()
        return micros, table["scans"] - scans


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    store = server.server_address[1]
    directory = tempfile.mkdtemp()
    origin = port()
    nginx = tempfile.mkdtemp()
    with open(f"{nginx}/conf", "w") as file:
        file.write(f"daemon off; pid {nginx}/pid; error_log stderr crit; events {{}} http {{ access_log off; keepalive_requests 100000000; "
                   f"server {{ listen 127.0.0.1:{origin}; location / {{ return 200 ok; }} }} }}")
    origin_process = subprocess.Popen(["nginx", "-c", f"{nginx}/conf"], stderr=subprocess.DEVNULL)
    try:
        memory(directory, store, origin, 1)
        memory(directory, store, origin, ROWS)
        rounds = [[cost(directory, store, origin, *case) for case in [(2, False), (ROWS, False), (ROWS, True)]] for _ in range(3)]
        for case, name in enumerate(["2 rows", f"{ROWS} rows", f"{ROWS} rows, a change each second"]):
            micros = sorted(found[case][0] for found in rounds)
            print(f"{name}: {micros[1]:.1f} us of the serving thread a request ({micros[0]:.1f} to {micros[-1]:.1f}), {rounds[0][case][1]} scans")
        server.shutdown()
        server.server_close()
        starts = []
        for _ in range(5):
            with Node(directory, store, origin) as node:
                assert node.first == b"403", node.first
                starts.append(node.started * 1000)
        print(f"{ROWS} rows, from exec to the first answer, the store away: {min(starts):.0f} to {max(starts):.0f} ms")
    finally:
        origin_process.kill()
        shutil.rmtree(directory)
        shutil.rmtree(nginx)


main()
