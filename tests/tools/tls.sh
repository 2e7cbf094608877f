#!/usr/bin/env bash
# `verge` before testssl.sh: protocols, ciphers, certificates' handling and the known holes of TLS. tls.py says what may be
# found.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
debian testssl.sh testssl
needs openssl python3

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 300 python3 tests/tools/tls.py "${CARGO_TARGET_DIR:-target}/debug/verge"
