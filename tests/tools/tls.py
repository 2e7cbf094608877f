"""testssl.sh against `verge`: nothing of a severity above what is expected of a certificate that signs itself."""

import json
import subprocess
import sys

from node import Node

# What a self-signed certificate of the tests' own brings along, and what is no business of a proxy's.
EXPECTED = ("cert", "DNS_CAArecord", "HSTS", "HPKP", "banner", "security_headers", "overall_grade", "grade_cap", "scanProblem",
            "engine_problem", "intermediate_cert", "OCSP", "SSL_sessionID", "TLS_session_ticket")
# LUCKY13 is reported wherever CBC might be; here there are AEAD suites only. BREACH is asked of the origin's compression.
HARMLESS = ("LUCKY13", "BREACH")


def main(verge):
    with Node(verge) as node:
        report = node.folder / "report.json"
        command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "one", "--sneaky",
                   "--openssl-timeout", "5", "--jsonfile", report, "-p", "-s", "-f", "-S", "-U",
                   f"127.0.0.1:{node.https}"]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=280, check=False)
        found = json.loads(report.read_text())
        assert len(found) > 30, f"testssl did not come to its end: {found}"
        by_name = {finding["id"]: finding for finding in found}
        for protocol in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
            assert "not offered" in by_name[protocol]["finding"], by_name[protocol]
        for protocol in ("TLS1_2", "TLS1_3"):
            assert by_name[protocol]["finding"].startswith("offered"), by_name[protocol]
        grave = [finding for finding in found if finding["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
                 and not finding["id"].startswith(EXPECTED + HARMLESS)]
        assert not grave, json.dumps(grave, indent=1)
        print(f"tls: {len(found)} findings of testssl.sh, none grave")


main(sys.argv[1])
