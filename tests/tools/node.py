"""A `verge` and a stage behind it, for tools that are pointed at a live proxy.

`with Node(verge, limits=…, table=…) as node:` gives `http`, `https` and `admin` ports, `folder` with `cert.pem`, `metric(name)`,
and `fall()` and `rise()` for the stage. The stage answers with what it was asked as JSON, echoes WebSocket messages under
`/echo`, and sends `/stream` in pieces, `/trickle` a byte a second, and 8 MiB under `/large`; `/moved` leads elsewhere at the stage, and `/never` is not
answered. With `token`, the admin listener wants it.
"""

import asyncio
import base64
import hashlib
import json
import logging
import os
import pathlib
import re
import ssl
import subprocess
import tempfile
import threading
import urllib.request

DOMAIN = "v1aaaaaaaa.execute-api.eu-central-1.amazonaws.com"
NAMES = f"subjectAltName=DNS:{DOMAIN},DNS:localhost,IP:127.0.0.1"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# That a connection ended while something was sent on it is no news here.
logging.getLogger("asyncio").setLevel(logging.ERROR)


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {}
    for line in head[1:-2]:
        name, value = line.split(":", 1)
        fields.setdefault(name.lower(), []).append(value.strip())
    return head[0].split(" ")[:2], fields


async def read_body(reader, fields):
    if "transfer-encoding" in fields:
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return body
    return await reader.readexactly(int(fields.get("content-length", ["0"])[0]))


async def echo(reader, writer, fields):
    accept = base64.b64encode(hashlib.sha1(fields["sec-websocket-key"][0].encode() + GUID).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        first, length = await reader.readexactly(2)
        length &= 127
        if length > 125:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        mask, data = await reader.readexactly(4), bytearray(await reader.readexactly(length))
        for at in range(length):
            data[at] ^= mask[at % 4]
        if first & 15 == 9:
            first = first & 0xf0 | 10
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big") if length < 65536 \
            else b"\x7f" + length.to_bytes(8, "big")
        writer.write(bytes([first]) + size + bytes(data))
        await writer.drain()
        if first & 15 == 8:
            return writer.close()


async def stage(reader, writer):
    try:
        while True:
            (method, target), fields = await read_head(reader)
            if "upgrade" in fields:
                return await echo(reader, writer, fields)
            if fields.get("expect"):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await read_body(reader, fields)
            if target.endswith("/stream"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                for number in range(3):
                    writer.write(b"9\r\ndata: %d\n\n\r\n" % number)
                    await writer.drain()
                    await asyncio.sleep(0.05)
                writer.write(b"0\r\n\r\n")
                continue
            if target.endswith("/trickle"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")
                for _ in range(6):
                    writer.write(b".")
                    await writer.drain()
                    await asyncio.sleep(1)
                continue
            if target.endswith("/never"):
                await reader.read()
                return writer.close()
            if target.endswith("/moved"):
                writer.write(b"HTTP/1.1 302 Found\r\nlocation: https://%s/prod/next\r\ncontent-length: 0\r\n\r\n"
                             % fields["host"][0].encode())
                continue
            if target.endswith("/large"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (8 << 20))
                for _ in range(128):
                    if writer.is_closing():
                        return
                    writer.write(bytes(1 << 16))
                    await writer.drain()
                    await asyncio.sleep(0)
                continue
            seen = {"method": method, "target": target, "host": fields["host"][0], "length": len(body),
                    "digest": hashlib.sha256(body).hexdigest(), "fields": fields}
            text = json.dumps(seen).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text))
            writer.write(b"" if method == "HEAD" else text)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        writer.close()


def certify(folder):
    """One certificate for all, signed by itself: `cert.pem` and `key.pem`."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    command += ["-subj", "/CN=localhost", "-addext", NAMES, "-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


class Node:
    def __init__(self, verge, limits="", table='source = "file"\npath = "table.json"', environment=(), token=None):
        self.token = token
        self.table, self.environment, self.open = table, os.environ | dict(environment), set()
        if token:
            self.environment["VERGE_ADMIN_TOKEN"] = token
        self.verge, self.limits = verge, limits

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        certify(self.folder)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        self.port = 0
        self.rise()
        (self.folder / "table.json").write_text(json.dumps([{"api": "any", "version": "v1", "domain": DOMAIN}]))
        (self.folder / "verge.toml").write_text(f"""
[listen]
http = "127.0.0.1:0"
https = [{{ address = "127.0.0.1:0", certificate = "cert.pem", key = "key.pem" }}]
threads = 2
[admin]
address = "127.0.0.1:0"
{'token = "env:VERGE_ADMIN_TOKEN"' if self.token else ""}
[log]
access = "off"
[limits]
{self.limits}
[table]
{self.table}
[origins]
ca = "cert.pem"
[origins.connect]
"{DOMAIN}" = "127.0.0.1:{self.port}"
[[api]]
name = "any"
hosts = ["*"]
[api.version]
vendor = "example"
missing = "v1"
""")
        self.process = subprocess.Popen([self.verge, "serve", "-c", self.folder / "verge.toml"],
                                        stderr=subprocess.PIPE, text=True, env=self.environment)
        said = ""
        for line in self.process.stderr:
            said += line
            if line.startswith("admin on "):
                break
        port = lambda place: int(re.search(place + r"://[^ ]*:(\d+)", said).group(1))
        self.http, self.https, self.admin = port("listening on http"), port("listening on https"), port("admin on http")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        while self.metric("verge_table_rows") < 1:
            pass
        return self

    def rise(self):
        """The stage listens, where it listened before."""
        async def listen():
            self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=self.tls)
        asyncio.run_coroutine_threadsafe(listen(), self.loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]

    def fall(self):
        """The stage is gone, with every connection to it."""
        async def close():
            self.server.close()
            for writer in list(self.open):
                writer.transport.abort()
        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)

    async def serve(self, reader, writer):
        self.open.add(writer)
        try:
            await stage(reader, writer)
        finally:
            self.open.discard(writer)

    def metric(self, name):
        fields = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        page = urllib.request.Request(f"http://127.0.0.1:{self.admin}/metrics", headers=fields)
        with urllib.request.urlopen(page, timeout=10) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rsplit(" ", 1)[1])
        return 0.0

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.scratch.cleanup()
        assert code == 0, f"verge ended with {code}"
