#!/usr/bin/env bash
# The edges that live in other programs, built for wasm32-unknown-unknown into dist/: how large they may be, and what the
# filter may ask of Envoy (edge/envoy/imports.txt; Lambda's asks for nothing). `compiler` says what they are built with.
# `make wasm` calls this with MUST set: it then fails where nothing can be built, and is skipped otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
. tests/tools/compiler
needs python3
# What was built before is not what is tested now.
rm -f dist/verge_envoy.wasm
# Lambda's first: it gets what is missing.
lacking=0
edge/lambda/build.sh || lacking=$?
[ "$lacking" != 3 ] || skip "no compiler for WebAssembly"
[ "$lacking" = 0 ] || exit "$lacking"
find_compiler
find_linker

# wasm-opt takes a tenth off what the compiler makes: from npm where there is one, so that all have the same.
optimizer=$(realpath -m "${CARGO_TARGET_DIR:-target}/tools/binaryen")
if has npm && ! [ -x "$optimizer/node_modules/.bin/wasm-opt" ]; then
    npm install --silent --no-fund --no-audit --prefix "$optimizer" binaryen@132 >/dev/null 2>&1 || true
fi
export PATH="$optimizer/node_modules/.bin:$PATH"
has wasm-opt || apt_get binaryen || skip "no wasm-opt: 'npm install binaryen' or 'apt-get install binaryen'"

# As a module alone: what is also built for Rust keeps all that is public, which is a tenth of it.
build=(rustc --lib --crate-type cdylib --profile filter --locked -p verge-envoy --target "$target" --target-dir "$built")
# Below the data lies the stack. So large, and what lies above it still has addresses that take three bytes to write, not four.
linked=(-- -C link-arg=-zstack-size=917504)
# What is inlined is LLVM's to say, once all is linked; and what is copied, one instruction copies.
flags="-Zlocation-detail=none -Zfmt-debug=none -Zinline-mir=no -Ctarget-feature=+bulk-memory"
limit=409600
if [ -z "$library" ]; then
    # Its standard library was built to be fast, and tells of panics.
    limit=471040
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags "$rust/cargo" "${build[@]}" "${linked[@]}"
elif grep -q '^panic_immediate_abort' "$library/std/Cargo.toml"; then
    # A panic ends the filter either way, and what it would say is not carried: to older compilers that is a part of the
    # library's, and to others a way of panicking.
    with_std "$flags" "${build[@]}" -Zbuild-std=std,panic_abort -Zbuild-std-features=panic_immediate_abort,optimize_for_size \
        "${linked[@]}"
else
    with_std "-Zunstable-options -Cpanic=immediate-abort $flags" "${build[@]}" -Zbuild-std=std \
        -Zbuild-std-features=optimize_for_size "${linked[@]}"
fi

filter=dist/verge_envoy.wasm
# Nothing lies in the first KiB, where the stack would end: so what is added to an address can go into the load.
wasm-opt --enable-bulk-memory --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext \
    --low-memory-unused --flatten --rereloop -Oz --optimize-added-constants-propagate -Oz -Oz \
    --strip-debug --strip-producers --strip-target-features \
    "$built/$target/filter/verge_envoy.wasm" -o "$filter"
python3 tests/tools/imports.py "$filter" edge/envoy/imports.txt
size=$(stat -c %s "$filter")
[ "$size" -le "$limit" ] || { echo "$filter has $size bytes, and $limit are what it may have" >&2; exit 1; }
echo "$filter: $size bytes"
