#!/usr/bin/env bash
# What deploy/ holds, checked without a cloud: templates by AWS's cfn-lint, manifests by the schemas of Kubernetes, and every
# verge.toml in them by `verge check`, with what comments offer in it too.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
python_with deploy 'cfn-lint==1.*' 'kubernetes-validate==1.*'

"$venv/bin/cfn-lint" deploy/*/template.yaml
"$venv/bin/kubernetes-validate" --strict --quiet deploy/kubernetes/*.yaml

cargo build --workspace --bins --tests ${CI:+--locked}
"$venv/bin/python" - "${CARGO_TARGET_DIR:-target}/debug/verge" deploy/kubernetes/*.yaml <<'PYTHON'
import pathlib, re, subprocess, sys, tempfile
import yaml

verge, *manifests = sys.argv[1:]
checked = 0


def check(where, text):
    global checked
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "verge.toml")
        path.write_text(text)
        done = subprocess.run([verge, "check", "-c", path], capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {done.stdout}{done.stderr}"
    checked += 1


def comment(text, first):
    """The lines of a comment from this one on, as long as they are set in as it is."""
    lines = text[text.index(first) :].splitlines()
    inset = re.match(r" *# *", first)[0]
    end = next((n for n, line in enumerate(lines) if not line.startswith(inset)), None)
    return "\n".join(line.removeprefix(inset) for line in lines[:end]) + "\n"


for manifest in manifests:
    for document in yaml.safe_load_all(pathlib.Path(manifest).read_text()):
        for name, text in (document.get("data") or {}).items() if document["kind"] == "ConfigMap" else ():
            if name == "verge.toml":
                check(manifest, text)
                # With what it offers besides.
                offered, lines = re.subn(r"(?m)^# (?=\[\[|[a-z_]+ = )", "", text)
                if lines:
                    check(f"{manifest}, without comments", offered)
assert checked > len(manifests), "a manifest has no verge.toml, or none offers more of it in comments"

# What the template asks of verge.toml, with TLS and without, and something for what it leaves to its reader.
ecs = "deploy/ecs/template.yaml"
asked = comment(pathlib.Path(ecs).read_text(), "#   [listen]\n")
own = '[origins]\nallow = ["*.execute-api.us-east-1.amazonaws.com"]\n[[api]]\nname = "orders"\nhosts = ["*"]\n'
check(ecs, asked + own)
clear, gone = re.subn(r"(?m)^\[\[listen\.https\]\]\n(.+ = .+\n)+", "", asked)
assert gone == 1, f"{ecs}: no [[listen.https]]"
check(f"{ecs}, in clear text", clear.replace("# http = ", "http = ") + own)
print(f"deploy/: templates and manifests hold; {checked} configurations are sound")
PYTHON
