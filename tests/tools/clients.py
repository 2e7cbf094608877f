"""curl, Python's and Node's clients against `verge`: what each sends arrives, and what comes back is whole."""

import asyncio
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys

import httpx
import websockets

from node import DOMAIN, Node

BODY = bytes(range(256)) * 4096
SMALL = BODY[:3000]
DIGEST = hashlib.sha256(BODY).hexdigest()


def check(seen, target, length=0):
    assert (seen["host"], seen["target"], seen["length"]) == (DOMAIN, target, length), seen
    assert length == 0 or seen["digest"] == DIGEST, "the body has changed"


def curl(node):
    (node.folder / "body").write_bytes(BODY)
    https, plain = f"https://localhost:{node.https}", f"http://localhost:{node.http}"
    for name, words, expected in [
        ("HTTP/1.1", ["--http1.1", f"{https}/a?b=c", f"{https}/a?b=c"], "1.1"),
        ("HTTP/2", ["--http2", f"{https}/a?b=c", f"{https}/a?b=c"], "2"),
        ("in the clear", [f"{plain}/a?b=c", f"{plain}/a?b=c"], "1.1"),
        ("1.0", ["--http1.0", f"{plain}/a?b=c"], "1.1"),
    ]:
        command = ["curl", "-sS", "--fail", "--cacert", node.folder / "cert.pem", "-w", "\n%{http_version}\n", *words]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.splitlines()
        for text, version in zip(said[::2], said[1::2]):
            check(json.loads(text), "/a?b=c")
            assert version == expected, f"{name}: HTTP/{version}"
    for words in (["--http1.1"], ["--http2"], ["--http1.1", "-H", "transfer-encoding: chunked"],
                  ["--http1.1", "-H", "expect: 100-continue"], ["--http2", "-H", "expect: 100-continue"]):
        command = ["curl", "-sS", "--fail", "--cacert", node.folder / "cert.pem", "--data-binary", f"@{node.folder}/body"]
        said = subprocess.run([*command, *words, f"{https}/up"], check=True, capture_output=True, timeout=20).stdout
        check(json.loads(said), "/up", len(BODY))
    head = subprocess.run(["curl", "-sSI", "--fail", f"{plain}/head"], check=True, capture_output=True, text=True, timeout=20)
    assert "200" in head.stdout.splitlines()[0] and "api-version: v1" in head.stdout.lower(), head.stdout
    return "curl"


def standard(node):
    trust = ssl.create_default_context(cafile=node.folder / "cert.pem")
    for client in (http.client.HTTPConnection("localhost", node.http, timeout=20),
                   http.client.HTTPSConnection("localhost", node.https, timeout=20, context=trust)):
        for method, path, body in [("GET", "/a", None), ("POST", "/up", BODY), ("POST", "/up", iter([BODY[:70000], BODY[70000:]]))]:
            client.request(method, path, body=body, encode_chunked=body is not None and not isinstance(body, bytes))
            with client.getresponse() as answer:
                assert answer.status == 200
                check(json.loads(answer.read()), path, 0 if body is None else len(BODY))
        client.request("GET", "/stream")
        with client.getresponse() as answer:
            assert answer.read() == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        client.request("GET", "/", headers={"Accept": "application/vnd.example.v9+json"})
        with client.getresponse() as answer:
            assert (answer.status, json.loads(answer.read())["code"]) == (403, "unknown_version")
    return "http.client"


async def modern(node):
    # httpx writes into the context it is given that it speaks HTTP/2, so WebSocket has one of its own.
    trusting = lambda: ssl.create_default_context(cafile=node.folder / "cert.pem")
    for http2, version in ((False, "HTTP/1.1"), (True, "HTTP/2")):
        async with httpx.AsyncClient(http2=http2, verify=trusting(), timeout=20, base_url=f"https://localhost:{node.https}") as client:
            # One large body at a time: httpcore may wait for a window that another stream has read of, and does so for ever.
            answers = [await client.post("/0", content=BODY)]
            assert answers[0].http_version == version, answers[0]
            check(answers[0].json(), "/0", len(BODY))
            answers = await asyncio.gather(*[client.post(f"/{n}", content=SMALL) for n in range(20)])
            for n, answer in enumerate(answers):
                assert (answer.status_code, answer.http_version) == (200, version), answer
                assert (answer.json()["target"], answer.json()["length"]) == (f"/{n}", len(SMALL)), answer.text
            async with client.stream("GET", "/stream") as answer:
                assert await answer.aread() == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    for address, tls in ((f"ws://localhost:{node.http}/echo", None), (f"wss://localhost:{node.https}/echo", trusting())):
        async with websockets.connect(address, ssl=tls, max_size=None) as socket:
            for message in ("hällo", BODY[:32768], BODY, b""):
                await socket.send(message)
                assert await socket.recv() == message
            await (await socket.ping())
        assert socket.close_code == 1000, socket.close_code
    return "httpx, websockets"


def node_js(node):
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 20:
        return f"not Node: {version.strip()} is older than 20"
    script = pathlib.Path(__file__).with_name("clients.mjs")
    command = ["node", "--experimental-websocket", script, str(node.http), str(node.https)]
    subprocess.run(command, check=True, timeout=60, env=os.environ | {"NODE_EXTRA_CA_CERTS": str(node.folder / "cert.pem"), "NODE_NO_WARNINGS": "1"})
    return "Node " + version.strip()


def main(verge):
    with Node(verge) as node:
        done = [curl(node), standard(node), asyncio.run(modern(node))]
        done.append(node_js(node) if shutil.which("node") else "not Node: there is none")
        assert node.metric("verge_panics_total") == 0
        print("clients: " + "; ".join(done))


main(sys.argv[1])
