#!/usr/bin/env python3
"""The guard's instructions per request, beside all that a request takes in user space: by callgrind, on the release binary.

    cargo build --release -p verge && python3 benches/guard.py [--verge PATH]          needs valgrind; a minute or two

One serving thread, one connection, clear text on both sides, which is where a request costs least and the guard weighs
most. Each case runs twice, so many requests more the second time: the difference is what a request costs. Instructions are
the same on a busy machine and a slow one. It ends with 1 where the guard takes 5 % or more of either.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

DOMAIN = "v1aaaaaaaa.execute-api.eu-central-1.amazonaws.com"
# All of it, the look-ups and the framing of the body included, is compiled into this one.
GUARD = "verge::ingress::Ingress::scan"
FEW, MANY, MOST = 100, 600, 5.0
SHORT = "GET /orders/7 HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n"
BROWSER = ("GET /orders/7?expand=lines&page=2 HTTP/1.1\r\nHost: api.example.com\r\nConnection: keep-alive\r\n"
           "sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n"
           "sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
           "Gecko) Chrome/142.0.0.0 Safari/537.36\r\nAccept: application/vnd.example.v1+json\r\n"
           "Origin: https://www.example.com\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n"
           "Sec-Fetch-Dest: empty\r\nReferer: https://www.example.com/orders\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
           "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: session=5f2d9c0e7a1b4c3d8e9f0a1b2c3d4e5f; theme=dark\r\n\r\n")
CONFIG = """
[listen]
http = "127.0.0.1:0"
threads = 1
[log]
access = "off"
[table]
source = "file"
path = "table.json"
refresh = "1h"
poll = "1h"
[origins]
insecure = true
[origins.connect]
"%s" = "127.0.0.1:%d"
[[api]]
name = "orders"
hosts = ["*"]
[api.version]
vendor = "example"
"""


def answer(stream):
    """Answers every head on a connection with 1 KiB."""
    text = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n" + b" " * 1024
    come = b""
    while piece := stream.recv(1 << 16):
        come += piece
        while b"\r\n\r\n" in come:
            come = come.split(b"\r\n\r\n", 1)[1]
            stream.sendall(text)


def origin():
    server = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=answer, args=[server.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def ask(port, head, times):
    with socket.create_connection(("127.0.0.1", port), timeout=300) as stream:
        reader = stream.makefile("rb")
        for _ in range(times):
            stream.sendall(head.encode())
            status = reader.readline()
            assert b" 200 " in status, status
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)


def count(verge, port, head, times):
    """Instructions of the serving thread, and those within the guard."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        row = {"api": "orders", "version": "v1", "domain": DOMAIN, "base_path": "/prod", "scheme": "http"}
        (folder / "table.json").write_text(json.dumps([row]))
        (folder / "verge.toml").write_text(CONFIG % (DOMAIN, port))
        command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={folder}/out"]
        process = subprocess.Popen([*command, verge, "serve", "-c", folder / "verge.toml"], stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if found := re.match(r"listening on http://.*:(\d+)", line):
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        ask(int(found.group(1)), head, times)
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        for part in sorted(folder.glob("out-*")):
            told = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", part], capture_output=True, text=True).stdout
            guard = [line for line in told.splitlines() if re.search(re.escape(GUARD) + r"($| \[)", line)]
            if guard:
                number = lambda line: int(re.match(r"\s*([\d,]+)", line).group(1).replace(",", ""))
                total = next(line for line in told.splitlines() if "PROGRAM TOTALS" in line)
                return number(total), number(guard[0])
    sys.exit(f"no thread of {verge} ran {GUARD}: is it a release build with its symbols?")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--verge", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/verge"))
    verge, port, over = arguments.parse_args().verge, origin(), False
    for name, head in ("2 fields", SHORT), ("15 fields of a browser", BROWSER):
        few, many = count(verge, port, head, FEW), count(verge, port, head, MANY)
        request, guard = ((late - early) / (MANY - FEW) for early, late in zip(few, many))
        share = 100 * guard / request
        over |= share >= MOST
        print(f"{name}, {len(head)} bytes: the guard {guard:.0f} of {request:.0f} instructions in user space, {share:.2f} %", flush=True)
    sys.exit(over)


main()
