#!/usr/bin/env bash
# `verge` before slowhttptest: slow heads, slow bodies, slow readers and overlapping ranges, with a few hundred connections.
# A client beside them must be answered throughout, and the slow ones must be gone by their deadlines. slow.py has the cases.
set -euo pipefail
cd "$(dirname "$0")/../.."

has() { command -v "$1" >/dev/null 2>&1; }
if ! has slowhttptest && [ "$(id -u)" = 0 ] && has apt-get; then
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends slowhttptest; } >/dev/null 2>&1 || true
fi
for tool in slowhttptest openssl python3; do
    has "$tool" || { echo "skipped: no $tool; as root on a Debian-like system slowhttptest is installed"; exit 0; }
done

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 200 python3 tests/tools/slow.py "${CARGO_TARGET_DIR:-target}/debug/verge"
