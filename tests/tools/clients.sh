#!/usr/bin/env bash
# `verge` before clients that others wrote: curl, Python (http.client, httpx, websockets) and Node (http, http2, WebSocket),
# over HTTP/1.1, HTTP/2 and WebSocket. The cases stand in clients.py and clients.mjs.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in curl openssl python3; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 0; }
done
venv=target/tools/clients
if [ ! -x "$venv/bin/python" ]; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check 'httpx[http2]==0.*' 'websockets==15.*'; }; then
        rm -rf "$venv"
        echo "skipped: no httpx and websockets; they need python3 with venv, and PyPI"
        exit 0
    fi
fi

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 120 "$venv/bin/python" tests/tools/clients.py "${CARGO_TARGET_DIR:-target}/debug/verge"
