#!/usr/bin/env bash
# What a request costs in user space beside bare pingora, in instructions: at most 1.05 times as much (benches/request.py).
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
debian valgrind valgrind
cargo build --release -p verge -p verge-benches --features verge-benches/bare --bins ${CI:+--locked}
python3 benches/request.py
