#!/usr/bin/env bash
# One decision at every edge (docs/conformance.md). `make conformance` calls this with MUST set: it then fails where Envoy,
# Node or a compiler for WebAssembly cannot be had, and is skipped otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
needs node python3
envoy_program
tests/tools/wasm.sh
[ -f dist/verge_envoy.wasm ] || skip "no compiler for WebAssembly"

# The clock of proxy and Envoy. Without it, cases at another time than now are not asked of them, and counted.
built=${CARGO_TARGET_DIR:-target}
clock=$built/tools/clock.so
if has cc; then
    mkdir -p "$built/tools"
    cc -shared -fPIC -O2 -Wall -Wextra -Werror -o "$clock" tests/edges/clock.c
    export CLOCK=$clock
fi
cargo build --workspace --bins --tests ${CI:+--locked}
# A hundred thousand take some minutes; an edge that hangs is to be an error.
N=${N:-100000} timeout $((1800 + ${N:-100000} / 50)) "$built/debug/edges"
