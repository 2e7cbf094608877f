#!/usr/bin/env bash
# CPU per request: verge beside bare pingora, nginx and HAProxy, each routing on a header to one origin.
#
#   benches/peers.sh [plain|tls]        how the origin is spoken to; clients always speak clear HTTP/1.1
#   ROUNDS=5 SECONDS_EACH=4 PEERS="verge bare least nginx haproxy" benches/peers.sh
#
# bare is pingora that writes the fields Verge writes, least is pingora that writes none of them but Host.
#
# Every proxy has one serving thread on core 0; the origin and the load have core 1. Rounds go through the proxies in
# turn, and the median round counts. CPU is utime + stime of the proxy's process over the requests that wrk completed.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-plain}
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-4}
peers=${PEERS:-verge bare least nginx haproxy}
connections=64

# nginx is the origin, too.
for program in nginx wrk openssl taskset $([[ $peers = *haproxy* ]] && echo haproxy); do
    command -v "$program" >/dev/null ||
        { echo "$program is missing: apt-get install nginx-light haproxy wrk openssl util-linux"; exit 1; }
done
[ "$mode" = plain ] || [ "$mode" = tls ] || { echo "plain or tls, not $mode"; exit 2; }

[ -n "${NO_BUILD:-}" ] || cargo build --release -p verge -p verge-benches --features verge-benches/bare --bins ${CI:+--locked}
bin=${CARGO_TARGET_DIR:-target}/release

dir=$(mktemp -d)
running=()
finish() {
    # At once: bare pingora would wait out its grace period.
    kill -KILL "${running[@]}" 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
origin=$(port)
declare -A listen pid
for peer in $peers; do listen[$peer]=$(port); done

# --- the origin: nginx, one process, an answer of 1 KiB ---------------------------------------------------------------
if [ "$mode" = tls ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench-ca \
        -addext basicConstraints=critical,CA:true -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=origin -keyout "$dir/key.pem" \
        -out "$dir/leaf.csr" 2>/dev/null
    printf 'subjectAltName=DNS:*.example.com\nextendedKeyUsage=serverAuth\n' >"$dir/ext"
    openssl x509 -req -in "$dir/leaf.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
        -extfile "$dir/ext" -out "$dir/cert.pem" 2>/dev/null
fi
scheme=$([ "$mode" = tls ] && echo https || echo http)
# Its words where the origin speaks TLS, else nothing.
ssl() { [ "$mode" = tls ] && echo "$1" || true; }
body=$(printf '{"orders":[%01000d]}' 0)
nginx_head='daemon off; master_process off; worker_processes 1; error_log stderr crit;
    events { worker_connections 4096; }'
nginx_http="access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;"
cat >"$dir/origin.conf" <<CONF
$nginx_head
pid $dir/origin.pid;
http {
    $nginx_http
    default_type application/json;
    server {
        listen 127.0.0.1:$origin $(ssl ssl);
        $(ssl "ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;")
        location /prod/ { return 200 '$body'; }
    }
}
CONF
taskset -c 1 nginx -c "$dir/origin.conf" -p "$dir" &
running+=($!)
disown

# --- verge ------------------------------------------------------------------------------------------------------------
rows="" connect=""
for n in $(seq 16); do
    rows+="${rows:+,}{\"api\":\"bench\",\"version\":\"v$n\",\"domain\":\"v$n.example.com\",\"base_path\":\"/prod\",
        \"protocol\":\"h1\",\"scheme\":\"$scheme\"}"
    connect+="\"v$n.example.com\" = \"127.0.0.1:$origin\""$'\n'
done
echo "{\"Items\":[$rows]}" >"$dir/table.json"
cat >"$dir/verge.toml" <<CONF
[listen]
http = "127.0.0.1:${listen[verge]:-1}"
threads = 1
[log]
access = "${ACCESS_LOG:-off}"
[table]
source = "file"
path = "table.json"
[origins]
allow = ["*.example.com"]
insecure = true
$(ssl 'ca = "ca.pem"')
[origins.connect]
$connect
[[api]]
name = "bench"
hosts = ["*"]
CONF

# --- nginx ------------------------------------------------------------------------------------------------------------
cat >"$dir/nginx.conf" <<CONF
$nginx_head
pid $dir/nginx.pid;
http {
    $nginx_http
    map_hash_bucket_size 128;
    map \$http_apiver \$domain { $(for n in $(seq 16); do echo "v$n v$n.example.com;"; done) }
    upstream origin { server 127.0.0.1:$origin; keepalive 512; keepalive_requests 100000000; }
    server {
        listen 127.0.0.1:${listen[nginx]:-1};
        location / {
            if (\$domain = "") { return 403; }
            proxy_pass $scheme://origin/prod\$request_uri;
            proxy_http_version 1.1;
            proxy_set_header Host \$domain;
            proxy_set_header Connection "";
            $(ssl "proxy_ssl_server_name on; proxy_ssl_name \$domain; proxy_ssl_verify on; proxy_ssl_trusted_certificate $dir/ca.pem;")
        }
    }
}
CONF

# --- HAProxy ----------------------------------------------------------------------------------------------------------
for n in $(seq 16); do echo "v$n v$n.example.com"; done >"$dir/domains.map"
cat >"$dir/haproxy.cfg" <<CONF
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout client 60s
    timeout server 35s
    timeout connect 5s
    http-reuse always
frontend clients
    bind 127.0.0.1:${listen[haproxy]:-1}
    http-request set-var(txn.domain) req.hdr(apiver),map($dir/domains.map)
    http-request deny deny_status 403 unless { var(txn.domain) -m found }
    http-request set-header Host %[var(txn.domain)]
    http-request set-path /prod%[path]
    default_backend origin
backend origin
    server origin 127.0.0.1:$origin pool-max-conn 512 $(ssl "ssl verify required ca-file $dir/ca.pem sni var(txn.domain)")
CONF

for peer in $peers; do
    # The shell becomes taskset and that the program, so that this is the process to measure.
    case $peer in
        verge) exec taskset -c 0 "$bin/verge" serve -c "$dir/verge.toml" ;;
        bare) exec taskset -c 0 "$bin/bare-pingora" all "127.0.0.1:${listen[bare]}" "127.0.0.1:$origin" "$mode" "$dir/ca.pem" ;;
        least) exec taskset -c 0 "$bin/bare-pingora" least "127.0.0.1:${listen[least]}" "127.0.0.1:$origin" "$mode" "$dir/ca.pem" ;;
        nginx) exec taskset -c 0 nginx -c "$dir/nginx.conf" -p "$dir" ;;
        haproxy) exec taskset -c 0 haproxy -db -f "$dir/haproxy.cfg" ;;
        *) echo "no such peer: $peer" ;;
    esac >"$dir/$peer.log" 2>&1 &
    pid[$peer]=$!
    running+=($!)
    disown
done

# --- the rounds -------------------------------------------------------------------------------------------------------
answers() { curl -sf -o /dev/null -H 'APIVER: v3' "http://127.0.0.1:$1/orders/1"; }
for peer in $peers; do
    for _ in $(seq 100); do answers "${listen[$peer]}" && break; sleep 0.1; done
    answers "${listen[$peer]}" || { echo "$peer does not answer:"; cat "$dir/$peer.log"; exit 1; }
done

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
per_tick=$(awk -v hz="$(getconf CLK_TCK)" 'BEGIN { print 1000000 / hz }')
load() {
    taskset -c 1 wrk -t1 -c"$connections" -d"$2s" -H 'APIVER: v3' "http://127.0.0.1:${listen[$1]}/orders/12345/items?page=2"
}
for peer in $peers; do load "$peer" 1 >/dev/null; done
for round in $(seq "$rounds"); do
    for peer in $peers; do
        before=$(ticks "${pid[$peer]}")
        load "$peer" "$seconds" >"$dir/wrk"
        after=$(ticks "${pid[$peer]}")
        if grep -E 'Non-2xx|Socket errors' "$dir/wrk"; then echo "$peer failed requests"; exit 1; fi
        awk -v peer="$peer" -v round="$round" -v ticks="$((after - before))" -v us="$per_tick" '
            /requests in/ { n = $1 } /^Requests\/sec/ { rate = $2 }
            END { printf "%s %d %.2f %.0f\n", peer, round, ticks * us / n, rate }' "$dir/wrk" | tee -a "$dir/rounds" >&2
    done
done

echo
echo "origin over $mode, $connections connections, median of $rounds rounds of $seconds s"
echo "proxy      CPU us/request   requests/s   beside bare"
bare=$(awk '$1 == "bare" { print $3 }' "$dir/rounds" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }')
for peer in $peers; do
    awk -v peer="$peer" '$1 == peer { print $3, $4 }' "$dir/rounds" | sort -n | awk -v peer="$peer" -v bare="$bare" '
        { cpu[NR] = $1; rate[NR] = $2 }
        END { m = int((NR + 1) / 2); printf "%-9s %15.2f %12d   %s\n", peer, cpu[m], rate[m], bare ? sprintf("%.2f", cpu[m] / bare) : "-" }'
done
