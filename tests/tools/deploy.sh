#!/usr/bin/env bash
# What deploy/ holds, checked without a cloud: templates by AWS's cfn-lint, manifests by the schemas of Kubernetes, and every
# verge.toml in them by `verge check`.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/tools/get
python_with deploy 'cfn-lint==1.*' 'kubernetes-validate==1.*'

"$venv/bin/cfn-lint" deploy/*/template.yaml
"$venv/bin/kubernetes-validate" --strict --quiet deploy/kubernetes/*.yaml

cargo build --workspace --bins --tests ${CI:+--locked}
"$venv/bin/python" - "${CARGO_TARGET_DIR:-target}/debug/verge" deploy/kubernetes/*.yaml <<'PYTHON'
import pathlib, subprocess, sys, tempfile
import yaml

verge, *manifests = sys.argv[1:]
checked = 0
for manifest in manifests:
    for document in yaml.safe_load_all(pathlib.Path(manifest).read_text()):
        for name, text in (document.get("data") or {}).items() if document["kind"] == "ConfigMap" else ():
            if name == "verge.toml":
                with tempfile.TemporaryDirectory() as folder:
                    path = pathlib.Path(folder, name)
                    path.write_text(text)
                    done = subprocess.run([verge, "check", "-c", path], capture_output=True, text=True)
                    assert done.returncode == 0, f"{manifest}: {done.stdout}{done.stderr}"
                    checked += 1
assert checked, "no verge.toml in any manifest"
print(f"deploy/: templates and manifests hold; {checked} configurations are sound")
PYTHON
