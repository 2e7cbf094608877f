#!/usr/bin/env bash
# The edges that live in other programs, built for wasm32-unknown-unknown into dist/: how large they are, and what the
# filter may ask of Envoy (edge/envoy/imports.txt; Lambda's asks for nothing). With rustup's target where it is installed
# or can be added, else with Debian's rustc-web. `make wasm` calls this with MUST set: it then fails where nothing can be
# built, and is skipped otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
built=${CARGO_TARGET_DIR:-target}/tools/wasm
rustup_has() { [ -d "$(rustc --print target-libdir --target $target)" ]; }
if ! rustup_has && ! [ -d /usr/lib/rustlib/src/rust/library ] && command -v rustup >/dev/null; then
    timeout 60 rustup target add $target >/dev/null 2>&1 || true
fi

# Lambda's first: it gets what is missing.
lacking=0
edge/lambda/build.sh || lacking=$?
if [ "$lacking" = 3 ] && [ -z "${MUST:-}" ]; then
    echo "skipped: no compiler for WebAssembly"
    exit 0
fi
[ "$lacking" = 0 ] || exit "$lacking"

build=(build --lib --profile wasm --locked -p verge-envoy --target "$target" --target-dir "$built")
if rustup_has; then
    cargo "${build[@]}"
else
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    [ -x "$linker" ] || linker=$(command -v wasm-ld)
    PATH=/usr/bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTC_WORKSPACE_WRAPPER=$(realpath "$built/older") \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        /usr/bin/cargo "${build[@]}" --ignore-rust-version -Zbuild-std=std,panic_abort
fi

cp "$built/$target/wasm/verge_envoy.wasm" dist/
python3 tests/tools/imports.py dist/verge_envoy.wasm edge/envoy/imports.txt
size=$(stat -c %s dist/verge_envoy.wasm)
echo "dist/verge_envoy.wasm: $size bytes"
