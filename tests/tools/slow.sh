#!/usr/bin/env bash
# `verge` before slowhttptest: slow heads, slow bodies, slow readers and overlapping ranges, with a few hundred connections.
# A client beside them must be answered throughout, and the slow ones must be gone by their deadlines. slow.py has the cases.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
debian slowhttptest slowhttptest
needs openssl python3

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 200 python3 tests/tools/slow.py "${CARGO_TARGET_DIR:-target}/debug/verge"
