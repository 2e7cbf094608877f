#!/usr/bin/env bash
# What a request costs in user space beside bare pingora, in instructions: at most 1.05 times as much (benches/request.py).
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v valgrind >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends valgrind >/dev/null 2>&1 || true
fi
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed; get it with 'apt-get install valgrind'"; exit 0; }
cargo build --release -p verge -p verge-benches --features verge-benches/bare --bins ${CI:+--locked}
python3 benches/request.py
