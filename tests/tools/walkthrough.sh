#!/usr/bin/env bash
# The commands of docs/canary.md, as they are printed, against a quickstart: all but those that name somebody's own DynamoDB.
# Each must end with 0. A person is slower than a node's poll; here the node is waited for after each write. Needs curl.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
needs curl
cargo build --workspace --bins --tests ${CI:+--locked}
built=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
ports="--port 18080 --admin-port 19901"
export TMPDIR=$(mktemp -d)
log=$TMPDIR/log
# shellcheck disable=SC2086
"$built/verge" quickstart $ports >"$log" 2>&1 &
quickstart=$!
trap 'kill $quickstart 2>/dev/null; wait $quickstart 2>/dev/null || true; rm -rf "$TMPDIR"' EXIT
until grep -q 'Ctrl-C ends it' "$log"; do
    kill -0 $quickstart 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done

# The page says where it stands in its first command; the rest goes as it is, but for the port.
{
    echo "set -euo pipefail"
    echo "PATH='$built':\$PATH; cd '$TMPDIR/verge-quickstart-18080'"
    cat <<'LIVE'
generation() { curl -s http://127.0.0.1:19901/readyz | grep -o '"generation":[0-9]*'; }
seen=$(generation)
live() { for _ in $(seq 100); do [ "$(generation)" = "$seen" ] || { seen=$(generation); return; }; sleep 0.1; done; echo "the node does not follow"; exit 1; }
LIVE
    awk '/^## / { skip = /DynamoDB/ } /^```/ { console = /console/ } console && !skip && /^\$ / { print substr($0, 3) }' docs/canary.md |
        grep -v -e '^make quickstart$' -e '^export PATH=' |
        sed -e 's/127\.0\.0\.1:8080/127.0.0.1:18080/g' |
        while IFS= read -r line; do
            printf 'echo %q\n%s\n' "\$ $line" "$line"
            case $line in *--dry-run* | *"canary status"* | *"canary token"*) ;; "verge canary "*) echo live ;; esac
        done
} >"$TMPDIR/commands.sh"
said=$TMPDIR/said
bash "$TMPDIR/commands.sh" 2>&1 | tee "$said" || { echo "a command of docs/canary.md does not do as printed"; exit 1; }
for fact in '^ *200 verge-arm: stable' 'canary  .* (out)  *0%' 'that is cleared' '^verge-arm: canary'; do
    grep -q "$fact" "$said" || { echo "nothing says: $fact"; exit 1; }
done
echo "walkthrough: $(grep -c '^echo ' "$TMPDIR/commands.sh") commands ran"
