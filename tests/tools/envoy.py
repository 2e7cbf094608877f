#!/usr/bin/env python3
"""The filter in Envoy itself. `envoy.py ENVOY VERGE`: run by envoy.sh, from the root of the tree.

deploy/envoy/envoy.yaml runs as it stands, but for what a test must choose: ports, the names' server, the certificates, and
where the table is. A `verge` gives the table, a stage stands behind, and names lead to this machine.
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
import time
import zlib

import yaml
from node import DOMAIN, Node

ENVOY, VERGE = sys.argv[1:]
TOKEN = "a-token-for-tables"
FILTER = str(pathlib.Path("dist/verge_envoy.wasm").resolve())
SHOWN = "another.execute-api.eu-central-1.amazonaws.com"
NOWHERE = "nowhere.execute-api.eu-central-1.amazonaws.com"


def free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def eventually(what, holds, patience=90):
    """Waits for a condition, and returns what it gave."""
    last = time.monotonic() + patience
    while time.monotonic() < last:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {patience} s: {what}")


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
    """Envoy with a configuration; `ask` sends a request, `stat` reads a statistic."""

    def __init__(self, config):
        self.port, self.admin = free(), free()
        listener = config["static_resources"]["listeners"][0]
        listener["address"]["socket_address"] |= {"address": "127.0.0.1", "port_value": self.port}
        config["admin"] = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}}
        self.config = config

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.scratch.name)
        (folder / "envoy.yaml").write_text(yaml.safe_dump(self.config))
        self.log = folder / "envoy.log"
        command = [ENVOY, "--concurrency", "2", "--use-dynamic-base-id", "-l", "warn", "--log-path", self.log,
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

    def ask(self, path="/orders/7?a=%20b", host="api.example.com", **fields):
        """Status, fields and body; the body of a problem as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Host": host} | fields)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        got = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, got, json.loads(body) if "json" in got.get("content-type", "") else body

    def stat(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=60)
        connection.request("GET", "/stats?filter=^wasmcustom")
        for line in connection.getresponse().read().decode().splitlines():
            if line.startswith(f"wasmcustom.{name}: "):
                return int(line.rsplit(" ", 1)[1])
        return 0

    def __exit__(self, kind, *_):
        if kind:
            print(self.log.read_text(), file=sys.stderr)
        self.process.terminate()
        self.process.wait(60)
        self.scratch.cleanup()


def problem(answer, status, code):
    """Checks that an answer is Verge's own, and returns its body."""
    got, fields, body = answer
    assert (got, fields.get("verge-reason")) == (status, code), answer
    assert fields["content-type"] == "application/problem+json" and fields["cache-control"] == "no-store", fields
    assert (body["code"], body["status"], body["type"]) == (code, status, f"urn:verge:problem:{code}"), body
    assert body["instance"] == fields["x-request-id"] and "vary" in fields, answer
    return body


def row(version, domain=DOMAIN, **more):
    return {"api": "any", "version": version, "domain": domain, "base_path": "/prod"} | more


def main():
    deployed = pathlib.Path("deploy/envoy/envoy.yaml").read_text()
    took, log = validate(yaml.safe_load(deployed))
    assert took, log
    manifests = yaml.safe_load_all(pathlib.Path("deploy/kubernetes/envoy.yaml").read_text())
    maps = [one["data"]["envoy.yaml"] for one in manifests if one["kind"] == "ConfigMap" and "envoy.yaml" in one["data"]]
    for text in maps:
        config = yaml.safe_load(text)
        plugin(config)["vm_config"]["code"]["local"]["filename"] = FILTER
        took, log = validate(config)
        assert took, log
    assert len(maps) == 1, "deploy/kubernetes/envoy.yaml has no configuration of Envoy's"

    wrong = yaml.safe_load(deployed)
    told = json.loads(plugin(wrong)["configuration"]["value"])
    told["verge"]["api"][0]["version"]["sheme"] = "label"
    plugin(wrong)["configuration"]["value"] = json.dumps(told)
    took, log = validate(wrong)
    assert not took and "sheme" in log and "scheme" in log, f"a key that is not known: {took}\n{log}"

    names = answer_names()
    believing = 'source = "file"\npath = "table.json"\nshrink_hold = "0s"'
    with Node(VERGE, table=believing, token=TOKEN) as node:
        def config(token=TOKEN, tables=None):
            """The configuration as deployed, in this test's surroundings; with its table from this server."""
            config = yaml.safe_load(deployed)
            filters = manager(config)["http_filters"]
            told = plugin(config)
            told["vm_config"]["code"]["local"]["filename"] = FILTER
            value = json.loads(told["configuration"]["value"])
            value["verge"]["api"][0]["name"] = "any"
            value["fetch"]["token"] = token
            told["configuration"]["value"] = json.dumps(value)
            cache = next(one for one in filters if "dynamic_forward_proxy" in one["name"])["typed_config"]["dns_cache_config"]
            cache["typed_dns_resolver_config"] = {
                "name": "envoy.network.dns_resolver.cares",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                    "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": names}}],
                },
            }
            manager(config)["route_config"]["virtual_hosts"][0]["routes"][-1]["route"]["idle_timeout"] = "4s"
            for cluster in config["static_resources"]["clusters"]:
                if cluster["name"] == "origins":
                    cluster["cluster_type"]["typed_config"]["dns_cache_config"] = cache
                    tls = cluster["transport_socket"]["typed_config"]["common_tls_context"]
                    tls["validation_context"]["trusted_ca"]["filename"] = str(node.folder / "cert.pem")
                else:
                    place = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
                    place["socket_address"]["port_value"] = tables.port if tables else node.admin
            return config

        def write(*rows):
            fresh = node.folder / "fresh.json"
            fresh.write_text(json.dumps(rows))
            fresh.rename(node.folder / "table.json")

        port = {"port": node.port}
        write(row("v1", **port), row("v2", **port, deprecated_at="2026-01-01T00:00:00Z"))

        with Envoy(config(token="another")) as envoy:
            eventually("a token that is wrong is refused", lambda: envoy.stat("verge_table_failures"))
            problem(envoy.ask(APIVER="v1"), 503, "no_table")
            assert envoy.stat("verge_table_loaded") == 0

        with Envoy(config()) as envoy:
            eventually("the table is fetched", lambda: envoy.ask(APIVER="v1")[0] == 200)

            # There: name, port, base path, fields; and nothing of what a client says of itself.
            evil = {"x-verge-cluster": "verge_table", "verge-arm": "x", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=x"}
            status, fields, seen = envoy.ask(APIVER="v1", **evil)
            sent = seen["fields"]
            assert (status, seen["target"], seen["host"]) == (200, "/prod/orders/7?a=%20b", f"{DOMAIN}:{node.port}"), seen
            assert sent["x-forwarded-for"] == ["127.0.0.1"] and sent["x-forwarded-host"] == ["api.example.com"], sent
            assert sent["verge-version"] == ["v1"] and sent["cdn-loop"] == ["verge"] and "1.1 verge" in sent["via"], sent
            strange = [name for name in sent if name.startswith(("x-envoy", "x-verge")) or name in ("verge-arm", "forwarded")]
            assert not strange, strange
            assert (fields["api-version"], fields["vary"].lower()) == ("v1", "accept, apiver"), fields
            # Back: lifecycle, and URLs of the origin.
            _, fields, _ = envoy.ask(Accept="application/vnd.example.v2+json")
            assert fields["deprecation"] == "@1767225600" and fields["api-version"] == "v2", fields
            status, fields, _ = envoy.ask("/moved", APIVER="v1")
            assert (status, fields["location"]) == (302, "http://api.example.com/next"), fields

            # Answers of our own.
            assert problem(envoy.ask(APIVER="v9"), 403, "unknown_version")["supported"] == ["v2", "v1"]
            problem(envoy.ask(), 403, "missing_version")
            problem(envoy.ask(APIVER=""), 403, "malformed_version")

            # A change of the table is here within a tick or two of each worker.
            write(row("v1", **port), row("v2", **port), row("v3", SHOWN, **port), row("v4", NOWHERE),
                  row("v5", port=free()), row("v6", **port), row("v7", **port))
            eventually("the table has changed", lambda: all(envoy.ask(APIVER="v7")[0] == 200 for _ in range(20)))
            problem(envoy.ask(APIVER="v3"), 502, "origin_tls")
            problem(envoy.ask(APIVER="v4"), 502, "origin_unreachable")
            problem(envoy.ask(APIVER="v5"), 502, "origin_unreachable")
            problem(envoy.ask("/never", APIVER="v1"), 504, "origin_timeout")
            # An answer may take longer than an origin may be silent.
            status, _, body = envoy.ask("/trickle", APIVER="v1")
            assert (status, body) == (200, b"......"), (status, body)

            # A table that lost more than half its rows, and is served by a node all the same, is not held back again.
            write(row("v7", **port))
            eventually("the small table counts", lambda: all(envoy.ask(APIVER="v1")[0] == 403 for _ in range(20)))

            # What is held is kept for as long as nobody gives another.
            failures = envoy.stat("verge_table_failures")
            node.process.terminate()
            eventually("the node is missed", lambda: envoy.stat("verge_table_failures") > failures + 3)
            eventually("the age is told", lambda: envoy.stat("verge_table_age_seconds") >= 2)
            assert all(envoy.ask(APIVER="v7")[0] == 200 for _ in range(10))

            assert envoy.stat("verge_forwarded") > 30 and envoy.stat("verge_replies.missing_version") == 1
            assert envoy.stat("verge_replies.origin_tls") == 1 and envoy.stat("verge_table_loaded") == 1
            # Said once by each thread of Envoy's, however often it is so.
            eventually("the log says so", lambda: "cannot be fetched" in envoy.log.read_text())
            log = envoy.log.read_text()
            assert "held back" not in log and log.count("cannot be fetched") <= 3, log

        tables = TableServer()
        tables.rows = [row("v1", **port), row("v2", **port), row("v3", **port)]
        with Envoy(config(tables=tables)) as envoy:
            eventually("the table is fetched", lambda: all(envoy.ask(APIVER="v3")[0] == 200 for _ in range(20)))

            # An answer that breaks off is none, and ends nothing.
            failures, tables.breaks = envoy.stat("verge_table_failures"), True
            eventually("answers break off", lambda: envoy.stat("verge_table_failures") >= failures + 8)
            assert tables.broken >= 8 and all(envoy.ask(APIVER="v3")[0] == 200 for _ in range(20))
            tables.breaks = False
            tables.rows = [*tables.rows, row("v4", **port)]
            eventually("the next one counts", lambda: all(envoy.ask(APIVER="v4")[0] == 200 for _ in range(20)))

            # A table that lost more than half its rows is held back: fetched once by each thread of Envoy's, and not believed.
            refreshes, whole = envoy.stat("verge_table_refreshes"), tables.whole
            tables.rows = [row("v1", **port)]
            eventually("it is fetched", lambda: envoy.stat("verge_table_refreshes") >= refreshes + 12)
            assert all(envoy.ask(APIVER="v4")[0] == 200 for _ in range(20)), "a table that shrank is served"
            assert tables.whole - whole <= 3, f"it was fetched {tables.whole - whole} times"
            eventually("its age grows", lambda: envoy.stat("verge_table_age_seconds") >= 2)
            assert 1 <= envoy.log.read_text().count("held back") <= 3, envoy.log.read_text()
            # Rows that come back end that.
            tables.rows = [row("v1", **port), row("v2", **port), row("v5", **port)]
            eventually("the next one counts", lambda: all(envoy.ask(APIVER="v5")[0] == 200 for _ in range(20)))
    print("Envoy: deployed configurations are taken; table, answers, faults and statistics hold")


main()
