#!/usr/bin/env bash
# The Lambda@Edge function: built for WebAssembly, and called from Node with events of CloudFront, over a live DynamoDB endpoint.
# The runtime's client for DynamoDB comes from npm; the function itself has no packages.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
has node || skip "no node; it needs 20.3 or later"
tools=$PWD/target/tools/lambda
if [ ! -d "$tools/node_modules/@aws-sdk/client-dynamodb" ]; then
    mkdir -p "$tools"
    npm install --no-audit --no-fund --loglevel=error --prefix "$tools" '@aws-sdk/client-dynamodb@3' >/dev/null ||
        skip "no @aws-sdk/client-dynamodb; it needs npm and its registry"
fi
built=0
edge/lambda/build.sh || built=$?
[ "$built" != 3 ] || skip "no compiler for WebAssembly"
[ "$built" = 0 ] || exit "$built"

cargo build --workspace --bins --tests ${CI:+--locked}
export NODE_PATH=$tools/node_modules NODE_NO_WARNINGS=1
DIST=$PWD/dist/lambda VERGE=${CARGO_TARGET_DIR:-$PWD/target}/debug/verge node --test --test-reporter=spec edge/lambda/tests/
# What events and starts cost, beside the AWS sample's in the same run.
node benches/lambda/bench.mjs --check
