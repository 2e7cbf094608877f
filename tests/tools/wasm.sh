#!/usr/bin/env bash
# The edges that live in other programs, built for wasm32-unknown-unknown into dist/: how large they may be, and what the
# filter may ask of Envoy (edge/envoy/imports.txt; Lambda's asks for nothing). With rustup's target where it is installed
# or can be added, else with Debian's rustc-web. `make wasm` calls this with MUST set: it then fails where nothing can be
# built, and is skipped otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
built=${CARGO_TARGET_DIR:-target}/tools/wasm
# What was built before is not what is tested now.
rm -f dist/verge_envoy.wasm
rustup_has() { [ -d "$(rustc --print target-libdir --target $target)" ]; }
if ! rustup_has && ! [ -d /usr/lib/rustlib/src/rust/library ] && command -v rustup >/dev/null; then
    echo "rustup target add $target (60 s at the most): the toolchain has no library for it"
    timeout 60 rustup target add $target >/dev/null 2>&1 || echo "it cannot be had; Debian's rustc-web is tried"
fi

# Lambda's first: it gets what is missing.
lacking=0
edge/lambda/build.sh || lacking=$?
if [ "$lacking" = 3 ] && [ -z "${MUST:-}" ]; then
    echo "skipped: no compiler for WebAssembly"
    exit 0
fi
[ "$lacking" = 0 ] || exit "$lacking"

# wasm-opt takes a tenth off what the compiler makes: from npm where there is one, so that all have the same.
optimizer=$(realpath -m "${CARGO_TARGET_DIR:-target}/tools/binaryen")
if command -v npm >/dev/null && ! [ -x "$optimizer/node_modules/.bin/wasm-opt" ]; then
    npm install --silent --no-fund --no-audit --prefix "$optimizer" binaryen@132 >/dev/null 2>&1 || true
fi
export PATH="$optimizer/node_modules/.bin:$PATH"

# As a module alone: what is also built for Rust keeps all that is public, which is a tenth of it.
build=(rustc --lib --crate-type cdylib --profile filter --locked -p verge-envoy --target "$target" --target-dir "$built")
# Below the data lies the stack. So large, and what lies above it still has addresses that take three bytes to write, not four.
linked=(-- -C link-arg=-zstack-size=917504)
limit=none
if rustup_has; then
    # Its standard library was built to be fast, and tells of panics: some tens of KiB more.
    cargo "${build[@]}" "${linked[@]}"
else
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    [ -x "$linker" ] || linker=$(command -v wasm-ld)
    # A panic ends the filter either way, and what it would say is not carried.
    # What is inlined is LLVM's to say, once all is linked; and what is copied, one instruction copies.
    PATH=/usr/bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTC_WORKSPACE_WRAPPER=$(realpath "$built/older") \
        RUSTFLAGS="-Zlocation-detail=none -Zfmt-debug=none -Zinline-mir=no -Ctarget-feature=+bulk-memory" \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        /usr/bin/cargo "${build[@]}" --ignore-rust-version -Zbuild-std=std,panic_abort \
        -Zbuild-std-features=panic_immediate_abort,optimize_for_size "${linked[@]}"
    limit=409600
fi

filter=dist/verge_envoy.wasm
if command -v wasm-opt >/dev/null; then
    # Nothing lies in the first KiB, where the stack would end: so what is added to an address can go into the load.
    wasm-opt --enable-bulk-memory --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext \
        --low-memory-unused --flatten --rereloop -Oz --optimize-added-constants-propagate -Oz \
        --strip-debug --strip-producers --strip-target-features \
        "$built/$target/filter/verge_envoy.wasm" -o "$filter"
else
    echo "no wasm-opt (npm, or the package binaryen): $filter is larger than it need be"
    cp "$built/$target/filter/verge_envoy.wasm" "$filter"
    limit=none
fi
python3 tests/tools/imports.py "$filter" edge/envoy/imports.txt
size=$(stat -c %s "$filter")
[ "$limit" = none ] || [ "$size" -le "$limit" ] || { echo "$filter has $size bytes, and $limit are what it may have" >&2; exit 1; }
echo "$filter: $size bytes"
