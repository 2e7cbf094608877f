"""Serves two stages and pages of two web origins, puts `verge` before the stages, and has Chromium fetch. Run by chromium.sh."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ground import answers, free_port, wait_for

VERGE = os.path.abspath(sys.argv[1])
DOMAIN = "v1.stages.example.com"
LONG = "application/vnd.example.v1+json, " + ", ".join(f"text/x-{n:03}" for n in range(20))

CONFIG = """
[listen]
http = "127.0.0.1:{verge}"
threads = 1
[log]
access = "access.log"
[table]
source = "file"
path = "table.json"
[origins]
allow = ["*.stages.example.com"]
insecure = true
[origins.connect]
"{domain}" = "127.0.0.1:{stage}"

[[api]]
name = "orders"
hosts = ["127.0.0.1"]
[api.version]
vendor = "example"
[api.cors]
origins = ["http://127.0.0.1:{allowed}"]
credentials = true
expose = ["X-Total"]

[[api]]
name = "open"
hosts = ["open.localhost"]
version.missing = "v1"
cors.origins = ["*"]

[[api]]
name = "patterned"
hosts = ["patterned.localhost"]
version.missing = "v1"
cors.origins = ["http://*.pages.localhost:{allowed}"]

[[api]]
name = "plain"
hosts = ["plain.localhost"]
"""

ROW = {"domain": DOMAIN, "base_path": "/prod", "scheme": "http"}
TABLE = [
    {"api": "orders", "version": "v1", "deprecated_at": "2026-01-01T00:00:00Z", "sunset_at": "2037-01-01T00:00:00Z"} | ROW,
    {"api": "orders", "version": "v2"} | ROW,
    {"api": "open", "version": "v1"} | ROW,
    {"api": "patterned", "version": "v1"} | ROW,
    {"api": "plain", "version": "v1"} | ROW,
]

# What a page learns of an answer, or how it fails.
ASK = """
const [url, init, done] = arguments;
fetch(url, init).then(async answer => done({
    status: answer.status, url: answer.url, headers: Object.fromEntries(answer.headers), body: await answer.text(),
})).catch(error => done({error: String(error)}));
"""


def expect(name, actual, expected):
    assert actual == expected, f"{name}: expected {expected!r}, found {actual!r}"
    print(f"ok: {name}")


class Stage(BaseHTTPRequestHandler):
    """Tells what it was asked. It speaks no CORS but for one field that a policy must not let through."""

    protocol_version = "HTTP/1.1"
    seen = []

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.seen.append((self.command, self.path))
        path = self.path.split("?")[0]
        told = {name: self.headers.get(name) for name in ("verge-version", "cookie", "accept", "apiver")}
        body = json.dumps(told | {"method": self.command}).encode()
        self.send_response(302 if path == "/prod/moved" else 200)
        if path == "/prod/moved":
            self.send_header("Location", f"http://{DOMAIN}/prod/there?x=1")
        if path == "/prod/login":
            self.send_header("Set-Cookie", f"session=s3cret; Domain={DOMAIN}; Path=/prod; HttpOnly")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("X-Total", "3")
        self.send_header("X-Secret", "s3cret")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_OPTIONS = do_PURGE = answer

    def log_message(self, *_):
        pass


class Page(BaseHTTPRequestHandler):
    """An empty page, for its web origin alone."""

    def do_GET(self):
        body = b"<!doctype html><title>page</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


@contextmanager
def node(folder, ports):
    (folder / "verge.toml").write_text(CONFIG.format(domain=DOMAIN, **ports))
    (folder / "table.json").write_text(json.dumps(TABLE))
    program = subprocess.Popen([VERGE, "serve", "-c", folder / "verge.toml"], stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: answers(ports["verge"]) or program.poll() is not None, "verge")
        assert program.poll() is None, program.stderr.read()
        yield
    finally:
        program.terminate()
        program.wait()


class Browser:
    """Chromium, by the WebDriver protocol."""

    def __init__(self, driver, profile):
        self.driver = f"http://127.0.0.1:{driver}"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        options = {"binary": shutil.which("chromium"), "args": [*flags, f"--user-data-dir={profile}"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options, "timeouts": {"script": 10_000}}}
        self.session = self.tell("", {"capabilities": wanted})["sessionId"]

    def tell(self, command, body=None, method="POST"):
        url = f"{self.driver}/session" + (f"/{self.session}{command}" if command or method == "DELETE" else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def open(self, url):
        self.tell("/url", {"url": url})

    def fetch(self, url, **init):
        return self.tell("/execute/async", {"script": ASK, "args": [url, init]})

    def close(self):
        self.tell("", method="DELETE")


@contextmanager
def browser(folder):
    port = free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port), "chromedriver")
        it = Browser(port, folder / "profile")
        try:
            yield it
        finally:
            it.close()
    finally:
        driver.terminate()
        driver.wait()


def check(it, folder, ports):
    def api(path, host="127.0.0.1"):
        return f"http://{host}:{ports['verge']}{path}"

    def lines(path):
        log = [json.loads(line) for line in (folder / "access.log").read_text().splitlines()]
        return [line for line in log if line["path"] == path]

    def preflights(path):
        """How many preflights came before the request itself."""
        wait_for(lambda: any(line["method"] != "OPTIONS" for line in lines(path)), f"the line of {path}")
        return len([line for line in lines(path) if line.get("reason") == "preflight"])

    def seen(path):
        return [method for method, target in Stage.seen if target.split("?")[0] == f"/prod{path}"]

    accept = {"Accept": "application/vnd.example.v1+json"}
    it.open(f"http://127.0.0.1:{ports['allowed']}/")

    got = it.fetch(api("/simple"), headers=accept)
    expect("a short vendor type is read by a page", (got.get("status"), json.loads(got["body"])["verge-version"]), (200, "v1"))
    expect("a short vendor type needs no preflight", (preflights("/simple"), seen("/simple")), (0, ["GET"]))
    read = [name for name in ("api-version", "deprecation", "sunset", "x-total", "x-secret") if name in got["headers"]]
    expect("a page reads what is exposed", read, ["api-version", "deprecation", "sunset", "x-total"])

    got = it.fetch(api("/by-header"), headers={"APIVER": "v2"})
    expect("the version header is allowed", (got.get("status"), got["headers"]["api-version"]), (200, "v2"))
    expect("the version header is preflighted, here alone", (preflights("/by-header"), seen("/by-header")), (1, ["GET"]))

    got = it.fetch(api("/long"), headers={"Accept": LONG})
    expect("a long Accept is allowed", (got.get("status"), got["headers"]["api-version"]), (200, "v1"))
    expect("a long Accept is preflighted", (preflights("/long"), seen("/long")), (1, ["GET"]))

    got = it.fetch(api("/put"), method="PUT", headers=accept | {"Content-Type": "application/json"}, body="{}")
    expect("a usual method is allowed", (got.get("status"), seen("/put")), (200, ["PUT"]))
    got = it.fetch(api("/purge"), method="PURGE", headers=accept)
    expect("another method is not", ("error" in got, seen("/purge")), (True, []))
    got = it.fetch(api("/field"), headers=accept | {"X-Other": "1"})
    expect("another field is not", ("error" in got, seen("/field")), (True, []))

    got = it.fetch(api("/unknown"), headers={"APIVER": "v9"})
    problem = json.loads(got["body"])
    expect("a page reads why it is refused", (got["status"], problem["code"]), (403, "unknown_version"))
    expect("a page reads whose refusal it is", got["headers"].get("verge-reason"), "unknown_version")

    it.fetch(api("/login"), headers=accept, credentials="include")
    kept = wait_for(lambda: it.tell("/cookie", method="GET"), "the cookie")
    expect("a cookie of the stage is kept for Verge's host", [(one["domain"], one["path"]) for one in kept], [("127.0.0.1", "/")])
    got = it.fetch(api("/whoami"), headers=accept, credentials="include")
    expect("a cookie of the stage comes back", json.loads(got["body"])["cookie"], "session=s3cret")
    got = it.fetch(api("/whoami"), headers=accept, credentials="omit")
    expect("credentials go where a page sends them", json.loads(got["body"])["cookie"], None)

    got = it.fetch(api("/moved"), headers=accept)
    expect("a redirect of the stage leads back to Verge", (got.get("status"), got.get("url")), (200, api("/there?x=1")))

    got = it.fetch(api("/open", "open.localhost"))
    expect("all origins read what is for all", (got.get("status"), got["headers"]["api-version"]), (200, "v1"))
    got = it.fetch(api("/open", "open.localhost"), credentials="include")
    expect("nobody reads that with credentials", "error" in got, True)
    got = it.fetch(api("/patterned", "patterned.localhost"))
    expect("a pattern does not mean its neighbours", "error" in got, True)
    got = it.fetch(api("/plain", "plain.localhost"), headers={"APIVER": "v1"})
    expect("without a policy a preflight allows nothing", ("error" in got, seen("/plain")), (True, []))
    found = wait_for(lambda: lines("/plain"), "the line of a preflight")
    expect("without a policy a preflight is not refused", [line["status"] for line in found], [204])

    it.open(f"http://127.0.0.1:{ports['denied']}/")
    got = it.fetch(api("/denied"), headers=accept)
    expect("a denied origin is served and reads nothing", ("error" in got, seen("/denied")), (True, ["GET"]))
    got = it.fetch(api("/denied-header"), headers={"APIVER": "v1"})
    expect("a denied origin's preflight allows nothing", ("error" in got, seen("/denied-header")), (True, []))
    found = wait_for(lambda: lines("/denied-header"), "the line of a preflight")
    expect("a denied origin's preflight is not refused", [line["status"] for line in found], [204])

    it.open(f"http://one.pages.localhost:{ports['allowed']}/")
    got = it.fetch(api("/patterned", "patterned.localhost"))
    expect("a pattern means one label", (got.get("status"), got.get("headers", {}).get("api-version")), (200, "v1"))
    it.open(f"http://a.b.pages.localhost:{ports['allowed']}/")
    got = it.fetch(api("/patterned", "patterned.localhost"))
    expect("a pattern does not mean two labels", "error" in got, True)

    expect("no stage saw a preflight", [target for method, target in Stage.seen if method == "OPTIONS"], [])


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        ports = {"stage": serve(Stage), "allowed": serve(Page), "denied": serve(Page), "verge": free_port()}
        with node(folder, ports), browser(folder) as it:
            check(it, folder, ports)


if __name__ == "__main__":
    main()
