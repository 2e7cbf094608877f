"""An HTTP/2 conformance suite against `verge`, twice: where everything is forwarded, and where everything is rejected.

usage: http2.py VERGE HTTPWG

The suite speaks HTTP/2 in the clear, with prior knowledge; Verge speaks it over TLS. A relay between them adds the TLS and
nothing else. What the suite finds must be in EXPECTED, and what is there must be found.
"""

import asyncio
import json
import pathlib
import re
import ssl
import sys
import tempfile

from node import DOMAIN, certify

# Tests that may fail, by what the suite says of them, and why that is no harm.
EXPECTED = {
    # The codec ends the connection or the stream as it should, with PROTOCOL_ERROR for a finer word.
    "but got ProtocolError": {
        "invalid header block fragment",
        "half closed remote sends headers frame",
        "half closed remote sends data frame",
        "closed sends headers frame",
        "closed sends headers frame after rst stream",
        "sends data frame on invalid stream state",
        "sends ping frame with invalid length",
        "sends priority frame with invalid length",
        "sends rst stream frame with invalid length",
        "sends settings frame with ack and payload",
        "sends settings frame with invalid length",
        "sends settings initial window size with exceeded max window size value",
        "sends settings initial window size with invalid value",
        "sends window update frame with invalid length",
    },
    # The answer was complete when the frame came, and the stream over (RFC 9113 §8.1): any test may be that late.
    "but got NoError": {},
    # 400 or 405 instead of a stream error, as RFC 9113 §8.1.1 allows.
    "Timed out while waiting for stream error": {
        "sends connect without authority",
        "sends headers frame with leading space in field value",
        "sends headers frame with mismatched host authority",
        "sends headers frame with trailing tab in field value",
        # pingora does not read trailers of requests, and drops them.
        "sends headers frame with pseudo header in trailer",
    },
    # The suite's frame promises more of its head; the codec waits for that, until the connection has been idle.
    "Timed out while waiting for connection error": {"client sends push promise frame"},
    # A client that says GOAWAY is let go, and does not hear the answer to its PING.
    "peer hung up. Last frame: Some(Conn:GoAway": {"a panic"},
    # Where everything is rejected, 403 is not the 200 that the suite looks for.
    "left: 403  right: 200": {"a panic"},
}


def configure(folder, origin, missing):
    row = {"api": "any", "version": "v1", "domain": DOMAIN}
    (folder / "table.json").write_text(json.dumps([row]))
    (folder / "verge.toml").write_text(f"""
[listen]
https = [{{ address = "127.0.0.1:0", certificate = "cert.pem", key = "key.pem" }}]
threads = 1
[log]
access = "off"
[table]
source = "file"
path = "table.json"
[origins]
allow = ["{DOMAIN}"]
ca = "cert.pem"
[origins.connect]
"{DOMAIN}" = "127.0.0.1:{origin}"
[[api]]
name = "any"
hosts = ["*"]
[api.version]
missing = "{missing}"
""")


async def answer(reader, writer, asked):
    """An origin that answers every request with a few bytes."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            asked.append(head)
            if length := re.search(rb"content-length: *(\d+)", head):
                await reader.readexactly(int(length[1]))
            elif b"transfer-encoding: chunked" in head:
                await reader.readuntil(b"0\r\n\r\n")
            body = b"" if head.startswith(b"head") else b"hello"
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n" + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def pump(reader, writer):
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def run(verge, suite, folder, missing):
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.set_alpn_protocols(["http/1.1"])
    asked = []
    origin = await asyncio.start_server(lambda *ends: answer(*ends, asked), "127.0.0.1", 0, ssl=server)
    configure(folder, origin.sockets[0].getsockname()[1], missing)
    node = await asyncio.create_subprocess_exec(
        verge, "serve", "-c", folder / "verge.toml", stderr=asyncio.subprocess.PIPE
    )
    async for line in node.stderr:
        if found := re.search(rb"listening on https://127.0.0.1:(\d+)", line):
            port = int(found[1])
            break
    said = asyncio.create_task(node.stderr.read())
    client = ssl.create_default_context(cafile=folder / "cert.pem")
    client.set_alpn_protocols(["h2"])

    async def relay(reader, writer):
        try:
            theirs = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        except OSError:
            return writer.close()
        await asyncio.gather(pump(reader, theirs[1]), pump(theirs[0], writer))

    plain = await asyncio.start_server(relay, "127.0.0.1", 0)
    address = "%s:%d" % plain.sockets[0].getsockname()
    tests = await asyncio.create_subprocess_exec(
        suite, "-a", address, "--connect-timeout", "5000", "--frame-timeout", "2000",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={"SEQUENTIAL": "1", "NO_COLOR": "1"},
    )
    output, _ = await tests.communicate()
    alive = node.returncode is None
    node.terminate()
    await node.wait()
    await said
    plain.close()
    origin.close()
    return re.sub("\x1b\\[[0-9;]*m", "", output.decode(errors="replace")), alive, len(asked)


def surprises(output):
    """How many tests failed, and which are not expected to, with what was said of them."""
    parts = [part.splitlines() for part in output.split("Test failed: ")[1:]]
    failed = [(lines[0].split(" :: ")[-1], " ".join(lines[1:4]).strip()) for lines in parts]
    # Some tests give up by a panic, which does not name them.
    parts = [part.splitlines() for part in output.split("The application panicked (crashed).")[1:]]
    failed += [("a panic", " ".join(lines[1:4]).strip()) for lines in parts]
    known = lambda name, said: any(words in said and (not names or name in names) for words, names in EXPECTED.items())
    return len(failed), [(name, said) for name, said in failed if not known(name, said)]


async def main():
    verge, suite = sys.argv[1:3]
    wrong = False
    for missing in ["v1", "reject"]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            certify(folder)
            output, alive, asked = await run(verge, suite, folder, missing)
        score = re.search(r"Passed (\d+)/(\d+)", output)
        failed, unexpected = surprises(output)
        print(f"missing = {missing}: {score[0] if score else 'no score'}, {failed} failed, the origin was asked {asked} times")
        for name, said in unexpected:
            print(f"  unexpected: {name}: {said}")
        whole = score and int(score[2]) > 100 and int(score[2]) - int(score[1]) == failed
        if not whole:
            print(output)
        wrong |= not whole or bool(unexpected) or not alive or (asked > 0) != (missing == "v1")
    sys.exit(1 if wrong else 0)


asyncio.run(main())
