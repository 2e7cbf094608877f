#!/usr/bin/env python3
"""What a request takes in user space, in instructions by callgrind: the guard's part of it, and all of it beside bare pingora.

    cargo build --release -p verge -p verge-benches --features verge-benches/bare --bins
    python3 benches/request.py                                                       needs valgrind; a minute or two

One serving thread, one connection, clear text on both sides, which is where a request costs least and what is ours weighs
most. Each case runs twice, so many requests more the second time: the difference is what a request costs. Instructions are
the same on a busy machine and a slow one. Bare (`bare.rs`) is pingora told to do the same by a hash map; what the kernel does
is the same for both and is not counted. It ends with 1 where the guard takes 6 % or more, or where Verge takes more than
1.05 times what bare takes for the short head; for the browser's, whose Accept bare does not read, 1.12 times.
"""
import argparse
import atexit
import contextlib
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
import time

DOMAIN = "v1aaaaaaaa.execute-api.eu-central-1.amazonaws.com"
# All of it, the look-ups and the framing of the body included, is compiled into this one.
GUARD = "verge::ingress::Ingress::scan"
FEW, MANY = 100, 600
# In percent of a request.
MOST_GUARD = 6.0
SHORT = "GET /orders/7 HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n"
# Bare reads no Accept: both fields name the version.
BROWSER = ("GET /orders/7?expand=lines&page=2 HTTP/1.1\r\nHost: api.example.com\r\nConnection: keep-alive\r\n"
           "sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n"
           "sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
           "Gecko) Chrome/142.0.0.0 Safari/537.36\r\nAccept: application/vnd.example.v1+json\r\nAPIVER: v1\r\n"
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


def verge(folder, program, origin_port):
    """Starts it; gives its process and where it listens."""
    row = {"api": "orders", "version": "v1", "domain": DOMAIN, "base_path": "/prod", "scheme": "http"}
    (folder / "table.json").write_text(json.dumps([row]))
    (folder / "verge.toml").write_text(CONFIG % (DOMAIN, origin_port))
    process = under_callgrind(folder, program, "serve", "-c", folder / "verge.toml")
    for line in process.stderr:
        if found := re.match(r"listening on http://.*:(\d+)", line):
            return process, int(found.group(1))
    sys.exit(f"{program} does not listen")


def bare(folder, program, origin_port):
    """The same for pingora alone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = under_callgrind(folder, program, f"127.0.0.1:{port}", f"127.0.0.1:{origin_port}", "plain", "none", "1")
    while process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        time.sleep(0.05)
    sys.exit(f"{program} does not listen")


def under_callgrind(folder, *command):
    valgrind = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={folder}/out"]
    process = subprocess.Popen([*valgrind, *command], stderr=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


def count(start, program, origin_port, head, times):
    """Instructions of a process that answers so many requests, and those of them within the guard."""
    with tempfile.TemporaryDirectory() as name:
        folder, whole, guard = pathlib.Path(name), 0, 0
        process, port = start(folder, program, origin_port)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        ask(port, head, times)
        # At once, with nothing under way: pingora takes SIGTERM for the beginning of a long farewell.
        process.send_signal(signal.SIGINT if start is bare else signal.SIGTERM)
        process.wait(120)
        for thread in folder.glob("out-*"):
            told = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", thread], capture_output=True, text=True)
            for line in told.stdout.splitlines():
                number = re.match(r"\s*([\d,]+)", line)
                if "PROGRAM TOTALS" in line:
                    whole += int(number.group(1).replace(",", ""))
                elif number and re.search(re.escape(GUARD) + r"($| \[)", line):
                    guard += int(number.group(1).replace(",", ""))
        return whole, guard


def per_request(*what):
    few, many = count(*what, FEW), count(*what, MANY)
    return ((late - early) / (MANY - FEW) for early, late in zip(few, many))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--release", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release"),
                           help="where `verge` and `bare-pingora` are (default: %(default)s)")
    release, port, over = arguments.parse_args().release, origin(), False
    for name, head, most in ("2 fields", SHORT, 1.05), ("16 fields of a browser", BROWSER, 1.12):
        whole, guard = per_request(verge, f"{release}/verge", port, head)
        if not guard:
            sys.exit(f"nothing in {release}/verge is {GUARD}: is it a release build with its symbols?")
        of_bare, _ = per_request(bare, f"{release}/bare-pingora", port, head)
        over |= guard >= MOST_GUARD / 100 * whole or whole > most * of_bare
        print(f"{name}, {len(head)} bytes: {whole:.0f} instructions in user space, {whole / of_bare:.2f} of bare's {of_bare:.0f}; "
              f"the guard's {guard:.0f} are {100 * guard / whole:.1f} %", flush=True)
    sys.exit(over)


main()
