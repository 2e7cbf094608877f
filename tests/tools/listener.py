"""Envoy as tests of the filter run it, and what stands around it: servers of names and tables, a stage without TLS.

Programs that import this are called as `PROGRAM ENVOY VERGE`, from the root of the tree.
"""
import http.client
import http.server
import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import zlib

import yaml
from ground import free_port, wait_for
from node import DOMAIN

ENVOY, VERGE = sys.argv[1:]
FILTER = str(pathlib.Path("dist/verge_envoy.wasm").resolve())
SHOWN = "another.execute-api.eu-central-1.amazonaws.com"
NOWHERE = "nowhere.execute-api.eu-central-1.amazonaws.com"
CLEAR = "clear.execute-api.eu-central-1.amazonaws.com"


def eventually(what, holds, patience=90):
    return wait_for(holds, what, patience)


def answer_names():
    """A server of names: those of stages lead here, but `NOWHERE`, and no other name does. Returns its port."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        while True:
            asked, who = server.recvfrom(4096)
            labels, at = [], 12
            while asked[at]:
                labels.append(asked[at + 1 : at + 1 + asked[at]].decode().lower())
                at += 1 + asked[at]
            kind = struct.unpack(">H", asked[at + 1 : at + 3])[0]
            name = ".".join(labels)
            known = name.endswith(".amazonaws.com") and name != NOWHERE
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x7f\x00\x00\x01" if known and kind == 1 else b""
            flags = b"\x81\x80" if known else b"\x81\x83"
            head = asked[:2] + flags + b"\x00\x01" + struct.pack(">H", bool(record)) + b"\x00\x00\x00\x00"
            server.sendto(head + asked[12 : at + 5] + record, who)

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


class TableServer:
    """Gives `rows` away as any file is, under a tag; where it `breaks`, ten bytes of what it promises. `port` is where."""

    def __init__(self):
        self.rows, self.breaks, self.whole, self.same, self.broken = [], False, 0, 0, 0
        server = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                page = json.dumps({"Items": server.rows}).encode()
                tag = '"%08x"' % zlib.crc32(page)
                same = not server.breaks and self.headers.get("If-None-Match") == tag
                self.send_response(304 if same else 200)
                self.send_header("ETag", tag)
                if not same:
                    self.send_header("Content-Length", 1000 if server.breaks else len(page))
                self.end_headers()
                if same:
                    server.same += 1
                elif server.breaks:
                    self.wfile.write(b"0123456789")
                    self.close_connection = True
                    server.broken += 1
                else:
                    self.wfile.write(page)
                    server.whole += 1

            def log_message(self, *_):
                pass

        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = listener.server_port
        threading.Thread(target=listener.serve_forever, daemon=True).start()


class ClearStage:
    """A stage that speaks no TLS, and answers with the target and the host it was asked for. `port` is where."""

    def __init__(self):
        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                text = json.dumps({"target": self.path, "host": self.headers["Host"]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", len(text))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = listener.server_port
        threading.Thread(target=listener.serve_forever, daemon=True).start()


def manager(config):
    return config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def plugin(config):
    wasm = next(one for one in manager(config)["http_filters"] if one["name"] == "verge")
    return wasm["typed_config"]["config"]


def validate(config):
    """What Envoy says of a configuration: whether it takes it, and its log."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(config, file)
        file.flush()
        done = subprocess.run([ENVOY, "--mode", "validate", "-l", "warn", "-c", file.name], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


class Envoy:
    """Envoy with a configuration; `ask` sends a request, `stat` reads a statistic of the filter's."""

    def __init__(self, config, threads=2):
        self.port, self.admin, self.threads = free_port(), free_port(), threads
        listener = config["static_resources"]["listeners"][0]
        listener["address"]["socket_address"] |= {"address": "127.0.0.1", "port_value": self.port}
        config["admin"] = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}}
        self.config = config

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.scratch.name)
        (folder / "envoy.yaml").write_text(yaml.safe_dump(self.config))
        self.log = folder / "envoy.log"
        command = [ENVOY, "--concurrency", str(self.threads), "--use-dynamic-base-id", "-l", "warn", "--log-path", self.log,
                   "--file-flush-interval-msec", "100"]
        self.process = subprocess.Popen([*command, "-c", folder / "envoy.yaml"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        try:
            eventually("Envoy listens", self.listens)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def listens(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def ask(self, path="/orders/7?a=%20b", host="api.example.com", body=None, **fields):
        """Status, fields and body; the body of a problem as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST" if body else "GET", path, body, {"Host": host} | fields)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        got = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, got, json.loads(body) if "json" in got.get("content-type", "") else body

    def stat(self, name):
        return next((value for known, value in self.stats("^wasmcustom") if known == f"wasmcustom.{name}"), 0)

    def stats(self, pattern):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=60)
        connection.request("GET", f"/stats?filter={pattern}")
        lines = connection.getresponse().read().decode().splitlines()
        return [(name, int(value)) for name, value in (line.rsplit(": ", 1) for line in lines)]

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=60)
        connection.request("GET", "/ready")
        return connection.getresponse().status

    def __exit__(self, kind, *_):
        if kind:
            print(self.log.read_text(), file=sys.stderr)
        self.process.terminate()
        self.process.wait(60)
        self.scratch.cleanup()
