#!/usr/bin/env bash
# `verge` before clients that others wrote: curl, Python (http.client, httpx, websockets) and Node (http, http2, WebSocket),
# over HTTP/1.1, HTTP/2 and WebSocket. The cases stand in clients.py and clients.mjs.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
needs curl openssl python3
python_with clients 'httpx[http2]==0.*' 'websockets==15.*'

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 120 "$venv/bin/python" tests/tools/clients.py "${CARGO_TARGET_DIR:-target}/debug/verge"
