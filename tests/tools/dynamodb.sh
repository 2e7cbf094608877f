#!/usr/bin/env bash
# The store tests against a second DynamoDB, written by others in another language: moto (PyPI `moto[server]`).
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=target/tools/moto
if [ ! -x "$venv/bin/moto_server" ]; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.*'; }; then
        rm -rf "$venv"
        echo "skipped: no moto_server; it needs python3 with venv, and PyPI"
        exit 0
    fi
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=target/tools/moto.log
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    kill -0 "$server" 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done

# The workspace's own features, so that nothing is compiled again; of its tests, those of the store.
VERGE_TEST_DYNAMODB="http://127.0.0.1:$port" cargo test --workspace --lib ${CI:+--locked} -- store
