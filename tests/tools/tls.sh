#!/usr/bin/env bash
# `verge` before testssl.sh: protocols, ciphers, certificates' handling and the known holes of TLS. tls.py says what may be
# found.
set -euo pipefail
cd "$(dirname "$0")/../.."

has() { command -v "$1" >/dev/null 2>&1; }
if ! has testssl && [ "$(id -u)" = 0 ] && has apt-get; then
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends testssl.sh; } >/dev/null 2>&1 || true
fi
for tool in testssl openssl python3; do
    has "$tool" || { echo "skipped: no $tool; as root on a Debian-like system testssl.sh is installed"; exit 0; }
done

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 300 python3 tests/tools/tls.py "${CARGO_TARGET_DIR:-target}/debug/verge"
