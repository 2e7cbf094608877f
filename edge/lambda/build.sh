#!/usr/bin/env bash
# dist/lambda/ and dist/lambda.zip: the function, ready for a configuration and a table beside it, as they are or packed (pack.mjs).
# With rustup's target where it is installed, else with Debian's rustc-web and the library sources beside it. Checked on the
# way: the module imports nothing, and the zip is small enough for viewer events (1 MB).
set -euo pipefail
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
built=${CARGO_TARGET_DIR:-target}/tools/wasm
build=(build --profile function --locked -p verge-lambda --target "$target" --target-dir "$built")
web() { [ -x /usr/bin/cargo ] && [ -d /usr/lib/rustlib/src/rust/library ] && dpkg -s rustc-web >/dev/null 2>&1; }

if [ -d "$(rustc --print target-libdir --target $target)" ]; then
    cargo "${build[@]}"
else
    if ! web && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src >/dev/null 2>&1 || true
    fi
    web || { echo "no compiler for $target; get one with 'rustup target add $target' or 'apt-get install rustc-web cargo-web rust-web-src'" >&2; exit 3; }
    # Debian's has no linker of its own; any Rust's will do, or the one of Debian's package lld.
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    [ -x "$linker" ] || linker=$(command -v wasm-ld || true)
    [ -n "$linker" ] || { echo "no linker for $target: 'apt-get install lld'" >&2; exit 3; }
    # That compiler is older than ours: it still calls unstable what our crates use of the language.
    mkdir -p "$built"
    printf '#!/bin/sh\nexec "$@" "-Zcrate-attr=feature(let_chains,slice_as_chunks,unsigned_is_multiple_of)"\n' >"$built/older"
    chmod +x "$built/older"
    # And it makes less of what every Node has than a newer one does by itself.
    PATH=/usr/bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTC_WORKSPACE_WRAPPER=$(realpath "$built/older") \
        RUSTFLAGS="-Ctarget-feature=+bulk-memory,+nontrapping-fptoint,+sign-ext" \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        /usr/bin/cargo "${build[@]}" --ignore-rust-version -Zbuild-std=std,panic_abort
fi

rm -rf dist/lambda dist/lambda.zip
mkdir -p dist/lambda
cp "$built/$target/function/verge_lambda.wasm" dist/lambda/
# One file of the four: each that is found, read and linked by itself makes a start half a millisecond longer.
{
    sed -e "/^import .* from '\.\//d" -e 's/^export //' edge/lambda/{source,packed,edge}.mjs
    sed -e "/^import .* from '\.\//d" edge/lambda/handler.mjs
} >dist/lambda/handler.mjs
if command -v node >/dev/null; then
    node --check dist/lambda/handler.mjs
    node -e '
        const module = new WebAssembly.Module(require("fs").readFileSync("dist/lambda/verge_lambda.wasm"));
        const imports = WebAssembly.Module.imports(module);
        if (imports.length > 0) { console.error("the module imports", imports); process.exit(1); }'
fi
# The same bytes for the same files.
python3 - <<'PYTHON'
import pathlib, zipfile
with zipfile.ZipFile("dist/lambda.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in sorted(pathlib.Path("dist/lambda").iterdir()):
        entry = zipfile.ZipInfo(path.name, (2026, 1, 1, 0, 0, 0))
        entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
        archive.writestr(entry, path.read_bytes())
PYTHON
size=$(stat -c %s dist/lambda.zip)
[ "$size" -le 1048576 ] || { echo "dist/lambda.zip has $size bytes, and 1048576 are what viewer events may have" >&2; exit 1; }
echo "dist/lambda.zip: $size bytes; verge_lambda.wasm: $(stat -c %s dist/lambda/verge_lambda.wasm) bytes, and imports nothing"
