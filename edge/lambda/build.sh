#!/usr/bin/env bash
# dist/lambda/ and dist/lambda.zip: the function, ready for a configuration and a table beside it, as they are or packed
# (pack.mjs).
# With rustup's target where it is installed or can be added, else with Debian's rustc-web and the library sources beside it
# (tests/tools/compiler). Ends with 3 where there is no compiler. Checked on the way: the module imports nothing, and the zip
# is small enough for viewer events (1 MB).
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
. tests/tools/compiler
find_compiler && find_linker || exit 3
build=(build --profile function --locked -p verge-lambda --target "$target" --target-dir "$built")
if [ -n "$ready" ]; then
    "$rust/cargo" "${build[@]}"
else
    # Debian's makes less of what every Node has than a newer one does by itself.
    with_std "-Ctarget-feature=+bulk-memory,+nontrapping-fptoint,+sign-ext" "${build[@]}" -Zbuild-std=std,panic_abort
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
