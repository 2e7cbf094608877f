"""What is measured."""
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time

import proxies

CONNECTIONS = 64
IDLE = 2_000


class Bench:
    """Where things are, who takes part, how often and how long."""

    def __init__(self, directory, names, rounds, seconds):
        self.directory, self.names, self.rounds, self.seconds = directory, names, rounds, seconds
        if not os.path.exists(os.path.join(directory, "ca.pem")):
            proxies.certificates(directory)

    def peers(self, versions=2, **job):
        return [name for name in self.names if proxies.ALL[name].most_versions >= versions
                and not (job.get("tls") and name == "bare")]

    def run(self, measure, names=None, **what):
        """`measure` in rounds, over the proxies in turn: {name: [numbers]}."""
        job = proxies.Job(self.directory, **what)
        origin = proxies.origin(job)
        live = {}
        try:
            for name in names or self.peers(**what):
                live[name] = proxies.ALL[name](job)
            for peer in live.values():
                measure(peer, min(self.seconds, 1))
            found = {name: [] for name in live}
            for turn in range(self.rounds):
                for name, peer in live.items():
                    found[name].append(measure(peer, self.seconds))
                    print(f"  {turn + 1}/{self.rounds} {name:8} {found[name][-1]:.2f}", file=sys.stderr)
            return found
        finally:
            for process in [origin] + [peer.process for peer in live.values()]:
                process.stop()


class Result:
    """What a scene found: for each proxy its rounds' numbers."""

    def __init__(self, name, title, unit, found, note=""):
        self.name, self.title, self.unit, self.note = name, title, unit, note
        self.found = {peer: numbers for peer, numbers in found.items() if numbers}

    def median(self, peer):
        return statistics.median(self.found[peer])

    def spread(self, peer):
        """Half of the range of the rounds, in percent of the median."""
        numbers = self.found[peer]
        return 50 * (max(numbers) - min(numbers)) / statistics.median(numbers)


def cpu(peer, requests):
    """CPU of the proxy, in µs, over the requests that `requests` made and counts."""
    before = peer.process.ticks()
    count = requests()
    return (peer.process.ticks() - before) * 1_000_000 / proxies.TICK / count


def output(*words):
    done = subprocess.run(["taskset", "-c", "1", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def over_h1(peer, seconds, version="v1"):
    def requests():
        said = output("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-H", f"APIVER: {version}", peer.url())
        if "Non-2xx" in said or "Socket errors" in said:
            raise SystemExit(f"{peer.name} failed requests:\n{said}")
        return int(re.search(r"(\d+) requests in", said)[1])
    return cpu(peer, requests)


def over_h2(peer, seconds):
    def requests():
        said = output("h2load", "-c8", "-m8", f"-D{max(1, round(seconds))}", "-H", "apiver: v1", peer.url())
        done = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", said)
        if int(done[2]):
            raise SystemExit(f"{peer.name} failed requests:\n{said}")
        return int(done[1])
    return cpu(peer, requests)


def handshakes(peer, seconds):
    def connections():
        said = output("openssl", "s_time", "-connect", f"127.0.0.1:{peer.port}", "-new", "-time", str(max(1, round(seconds))))
        return int(re.search(r"(\d+) connections in \d+ real", said)[1])
    return cpu(peer, connections)


def plain(bench):
    """HTTP/1.1 in the clear, two versions, no log"""
    return Result("plain", "HTTP/1.1, 2 versions", "µs CPU per request", bench.run(over_h1))


def thousand(bench):
    """HTTP/1.1 in the clear, 1 000 versions, the last of them asked for, no log"""
    def last(peer, seconds):
        return over_h1(peer, seconds, "v1000")
    return Result("thousand", "1 000 versions, the last", "µs CPU per request", bench.run(last, versions=1_000))


def many(bench):
    """HTTP/1.1 in the clear, 100 000 versions, one of them asked for, no log"""
    def last(peer, seconds):
        return over_h1(peer, seconds, "v100000")
    note = "envoy looks through its routes one by one and was not asked to"
    return Result("many", "100 000 versions", "µs CPU per request", bench.run(last, versions=100_000), note)


def log(bench):
    """HTTP/1.1 in the clear, two versions, an access log of JSON lines on the disk"""
    names = [name for name in bench.peers() if name in ("verge", "before", "nginx", "envoy")]
    found = bench.run(over_h1, names, log=True)
    return Result("log", "with a JSON access log", "µs CPU per request", found)


def tls(bench):
    """HTTP/2 over TLS from clients, HTTP/1.1 over TLS to the origin, certificates verified"""
    return Result("tls", "HTTP/2 and TLS, TLS to the origin", "µs CPU per request", bench.run(over_h2, tls=True))


def hands(bench):
    """TLS handshakes, full ones, P-256"""
    return Result("hands", "TLS handshakes", "µs CPU per handshake", bench.run(handshakes, tls=True))


def tails(bench):
    """99.9th percentile under open load at 70 % of what each can do, in HTTP/1.1"""
    program = os.path.join(proxies.RELEASE, "open-loop")
    rates = {}

    def tail(peer, seconds):
        if peer.name not in rates:
            said = output("wrk", "-t1", f"-c{CONNECTIONS}", "-d2s", "-H", "APIVER: v1", peer.url())
            rates[peer.name] = float(re.search(r"Requests/sec: +([\d.]+)", said)[1])
        rate = str(round(0.7 * rates[peer.name]))
        said = output(program, f"127.0.0.1:{peer.port}", rate, str(max(2, round(seconds))), str(CONNECTIONS), "APIVER: v1")
        return float(re.search(r"p99.9 +([\d.]+)", said)[1])
    found = bench.run(tail)
    note = "at " + ", ".join(f"{0.7 * rate / 1000:.1f} k/s ({name})" for name, rate in rates.items())
    return Result("tails", "p99.9 at 70 % of capacity", "µs", found, note)


def memory(bench):
    """Peak of resident memory in a run of HTTP/1.1 requests"""
    def peak(peer, seconds):
        over_h1(peer, seconds)
        return peer.process.memory("VmHWM") / 1024
    return Result("memory", "peak memory, 64 connections", "MiB", bench.run(peak))


def idle(bench):
    """What a connection costs that has had one request and waits for the next"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65_536, hard), hard))
    request = b"GET /orders/1 HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n"

    def grown(peer):
        before = peer.process.memory("VmRSS")
        open_ones = []
        for _ in range(IDLE):
            connection = socket.create_connection(("127.0.0.1", peer.port))
            connection.sendall(request)
            answer = b""
            while proxies.BODY.encode()[-8:] not in answer:
                answer += connection.recv(65_536)
            open_ones.append(connection)
        time.sleep(0.5)
        after = peer.process.memory("VmRSS")
        for connection in open_ones:
            connection.close()
        return (after - before) / IDLE
    # Without a turn to warm up: memory that is held already would hide what connections take.
    job = proxies.Job(bench.directory)
    origin, found = proxies.origin(job), {}
    try:
        for name in bench.names:
            peer = proxies.ALL[name](job)
            found[name] = [grown(peer)]
            print(f"  {name:8} {found[name][0]:.2f}", file=sys.stderr)
            peer.process.stop()
    finally:
        origin.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Result("idle", "an idle connection", "KiB", found)


ALL = {scene.__name__: scene for scene in (plain, thousand, many, log, tls, hands, tails, memory, idle)}
