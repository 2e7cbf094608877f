"""testssl.sh against `verge`: the protocols it should have and no others, no known hole, and nothing else that is grave.

There is no grade: a certificate that signs itself has none.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from node import Node

# Side by side, for most of it is waiting: what it has; what it is vulnerable to.
PARTS = (["-p", "-s", "-f", "-S"], ["-U"])
HOLES = ("heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL",
         "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4")
CIPHERS = ("cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA",
           "cipherlist_AVERAGE")
# What a certificate for the tests brings along, signed by itself and good for a month.
EXPECTED = ("cert_chain_of_trust", "cert_expirationStatus", "cert_notAfter", "cert_revocation", "DNS_CAArecord")


def scan(node, number):
    report = node.folder / f"report{number}.json"
    report.unlink(missing_ok=True)
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "one", "--sneaky",
               "--openssl-timeout", "10", "--jsonfile", report, *PARTS[number], f"127.0.0.1:{node.https}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=140,
                          check=False)
    assert report.exists(), done.stdout.decode(errors="replace")
    return json.loads(report.read_text())


def wrong(found):
    """What must not be found, and what must be and is not."""
    by_name = {finding["id"]: finding for finding in found}
    wanted = [(hole, lambda of: of["severity"] == "OK") for hole in HOLES]
    wanted += [(name, lambda of: of["finding"] == "not offered") for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", *CIPHERS)]
    wanted += [(name, lambda of: of["finding"].startswith("offered")) for name in ("TLS1_2", "TLS1_3", "PFS", "cipherlist_STRONG")]
    wanted += [("ALPN_HTTP2", lambda of: of["finding"] == "h2"), ("cert_trust", lambda of: of["severity"] == "OK")]
    missed = [by_name.get(name, f"{name} was not looked for") for name, holds in wanted
              if name not in by_name or not holds(by_name[name])]
    grave = [finding for finding in found if finding["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
             and finding["id"] not in EXPECTED and finding not in missed]
    return missed + grave


def main(verge):
    with Node(verge) as node, ThreadPoolExecutor() as threads:
        # Where the machine is busy testssl.sh gives up waiting, and calls that a finding: what it finds, it finds twice.
        for _ in range(2):
            try:
                found = [finding for part in threads.map(lambda number: scan(node, number), range(len(PARTS))) for finding in part]
            except subprocess.TimeoutExpired as late:
                faults = [str(late)]
                continue
            if not (faults := wrong(found)):
                break
        assert not faults, json.dumps(faults, indent=1)
        print(f"tls: {len(found)} findings of testssl.sh, {len(HOLES)} holes not there, none grave")


main(sys.argv[1])
