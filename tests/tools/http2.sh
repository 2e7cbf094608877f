#!/usr/bin/env bash
# `verge` against an HTTP/2 conformance suite written by others: httpwg-cli, a successor of h2spec. It runs twice, where
# everything is forwarded and where everything is rejected; http2.py says what may fail, and why.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
needs openssl python3
suite=target/tools/httpwg
if [ ! -x "$suite/bin/httpwg" ]; then
    # It is built without optimisation: what it waits for is the network.
    if ! cargo install httpwg-cli --version 0.2.5 --locked --debug --root "$suite" --target-dir "$suite/build"; then
        skip "no httpwg; it needs crates.io"
    fi
    rm -rf "$suite/build"
fi
if ! timeout 10 "$suite/bin/httpwg" -a 127.0.0.1:9 2>&1 | grep -q "Will run tests"; then
    skip "httpwg does not run here; it needs Linux with io_uring"
fi

cargo build --workspace --bins --tests ${CI:+--locked}
timeout 300 python3 tests/tools/http2.py "${CARGO_TARGET_DIR:-target}/debug/verge" "$suite/bin/httpwg"
