#!/usr/bin/env bash
# The router without an operating system: built for wasm32-unknown-unknown, as the edges in Envoy and Lambda would.
# With rustup's target where it is installed, else with Debian's rustc-web and the library sources beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
built=${CARGO_TARGET_DIR:-target}/tools/wasm
if [ -d "$(rustc --print target-libdir --target $target)" ]; then
    cargo build --release --locked -p verge-router --target $target --target-dir "$built"
    exit
fi
web() { [ -x /usr/bin/cargo ] && [ -d /usr/lib/rustlib/src/rust/library ] && dpkg -s rustc-web >/dev/null 2>&1; }
if ! web && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src >/dev/null 2>&1 || true
fi
web || { echo "skipped: no compiler for $target; get one with 'rustup target add $target' or 'apt-get install rustc-web cargo-web rust-web-src'"; exit 0; }

# That compiler is older than ours: it still calls unstable what the router uses of the language.
unstable='-Zcrate-attr=feature(let_chains,slice_as_chunks)'
PATH=/usr/bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo rustc --release --lib -p verge-router \
    --ignore-rust-version --target $target -Zbuild-std=std,panic_abort --target-dir "$built" -- "$unstable"
