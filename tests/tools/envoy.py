#!/usr/bin/env python3
"""The filter in Envoy itself. `envoy.py ENVOY VERGE`: run by envoy.sh, from the root of the tree.

deploy/envoy/envoy.yaml runs as it stands, but for what a test must choose: ports, the names' server, the certificates, and
where the table is. A `verge` gives the table, a stage stands behind, and names lead to this machine.
"""
import http.client
import json
import pathlib

import yaml
from ground import free_port
from listener import (CLEAR, FILTER, NOWHERE, SHOWN, VERGE, ClearStage, Envoy, TableServer, answer_names, eventually,
                      manager, plugin, validate)
from node import DOMAIN, Node
from trap import trapping

DEPLOYED = pathlib.Path("deploy/envoy/envoy.yaml").read_text()
TOKEN = "a-token-for-tables"


def problem(answer, status, code):
    """Checks that an answer is Verge's own, and returns its body."""
    got, fields, body = answer
    assert (got, fields.get("verge-reason")) == (status, code), answer
    assert fields["content-type"] == "application/problem+json" and fields["cache-control"] == "no-store", fields
    assert (body["code"], body["status"], body["type"]) == (code, status, f"urn:verge:problem:{code}"), body
    assert body["instance"] == fields["x-request-id"] and "vary" in fields, answer
    return body


def row(version, domain=DOMAIN, **more):
    return {"api": "any", "version": version, "domain": domain, "base_path": "/prod"} | more


class Surroundings:
    """The configuration as deployed, here: `config` writes it."""

    def __init__(self, node):
        self.node, self.names = node, answer_names()

    def config(self, tables=None, token=TOKEN, module=FILTER):
        """With its table from the node, or from this server."""
        config = yaml.safe_load(DEPLOYED)
        filters = manager(config)["http_filters"]
        told = plugin(config)
        told["vm_config"]["code"]["local"]["filename"] = str(module)
        value = json.loads(told["configuration"]["value"])
        value["verge"]["api"][0]["name"] = "any"
        value["verge"]["origins"]["insecure"] = True
        value["fetch"]["token"] = token
        told["configuration"]["value"] = json.dumps(value)
        cache = next(one for one in filters if "dynamic_forward_proxy" in one["name"])["typed_config"]["dns_cache_config"]
        cache["typed_dns_resolver_config"] = {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": self.names}}],
            },
        }
        manager(config)["route_config"]["virtual_hosts"][0]["routes"][-1]["route"]["idle_timeout"] = "4s"
        for cluster in config["static_resources"]["clusters"]:
            if "cluster_type" in cluster:
                cluster["cluster_type"]["typed_config"]["dns_cache_config"] = cache
            else:
                place = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
                place["socket_address"]["port_value"] = tables.port if tables else self.node.admin
            if "transport_socket" in cluster:
                tls = cluster["transport_socket"]["typed_config"]["common_tls_context"]
                tls["validation_context"]["trusted_ca"]["filename"] = str(self.node.folder / "cert.pem")
        return config

    def written(self, name, module):
        """Another module of WebAssembly, in a file."""
        path = self.node.folder / name
        path.write_bytes(module)
        return path


def configurations():
    """What is deployed is taken, and what is wrong in it is told."""
    took, log = validate(yaml.safe_load(DEPLOYED))
    assert took, log
    manifests = yaml.safe_load_all(pathlib.Path("deploy/kubernetes/envoy.yaml").read_text())
    maps = [one["data"]["envoy.yaml"] for one in manifests if one["kind"] == "ConfigMap" and "envoy.yaml" in one["data"]]
    for text in maps:
        config = yaml.safe_load(text)
        plugin(config)["vm_config"]["code"]["local"]["filename"] = FILTER
        took, log = validate(config)
        assert took, log
        assert plugin(config)["failure_policy"] == plugin(yaml.safe_load(DEPLOYED))["failure_policy"] == "FAIL_RELOAD"
    assert len(maps) == 1, "deploy/kubernetes/envoy.yaml has no configuration of Envoy's"

    def refused(change):
        wrong = yaml.safe_load(DEPLOYED)
        told = json.loads(plugin(wrong)["configuration"]["value"])
        change(told)
        plugin(wrong)["configuration"]["value"] = json.dumps(told)
        took, log = validate(wrong)
        assert not took, told
        return log

    log = refused(lambda told: told["verge"]["api"][0]["version"].update(sheme="label"))
    assert "sheme" in log and "scheme" in log, f"a key that is not known:\n{log}"
    log = refused(lambda told: (told["verge"]["origins"].update(insecure=True), told["origins"].pop("insecure")))
    assert "`origins.insecure` is missing" in log, f"rows in the clear, and no cluster for them:\n{log}"


def fed_by_a_node(around, node):
    """A table from a live `verge`: what is sent, what is answered, what is kept when the node is gone."""
    port = {"port": node.port}

    def write(*rows):
        fresh = node.folder / "fresh.json"
        fresh.write_text(json.dumps(rows))
        fresh.rename(node.folder / "table.json")

    write(row("v1", **port), row("v2", **port, deprecated_at="2026-01-01T00:00:00Z"))

    with Envoy(around.config(token="another")) as envoy:
        eventually("a token that is wrong is refused", lambda: envoy.stat("verge_table_failures"))
        problem(envoy.ask(APIVER="v1"), 503, "no_table")
        assert envoy.stat("verge_table_loaded") == 0

    with Envoy(around.config()) as envoy:
        eventually("the table is fetched", lambda: envoy.ask(APIVER="v1")[0] == 200)

        # There: name, port, base path, fields; and nothing of what a client says of itself.
        evil = {"x-verge-cluster": "verge_table", "verge-arm": "x", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=x"}
        status, fields, seen = envoy.ask(APIVER="v1", **evil)
        sent = seen["fields"]
        assert (status, seen["target"], seen["host"]) == (200, "/prod/orders/7?a=%20b", f"{DOMAIN}:{node.port}"), seen
        assert sent["x-forwarded-for"] == ["127.0.0.1"] and sent["x-forwarded-host"] == ["api.example.com"], sent
        assert sent["verge-version"] == ["v1"] and sent["cdn-loop"] == ["verge"] and "1.1 verge" in sent["via"], sent
        strange = [name for name in sent if name.startswith(("x-envoy", "x-verge")) or name in ("verge-arm", "forwarded")]
        assert not strange, strange
        assert (fields["api-version"], fields["vary"].lower()) == ("v1", "accept, apiver"), fields
        # Back: lifecycle, and URLs of the origin.
        _, fields, _ = envoy.ask(Accept="application/vnd.example.v2+json")
        assert fields["deprecation"] == "@1767225600" and fields["api-version"] == "v2", fields
        status, fields, _ = envoy.ask("/moved", APIVER="v1")
        assert (status, fields["location"]) == (302, "http://api.example.com/next"), fields

        # Answers of our own.
        assert problem(envoy.ask(APIVER="v9"), 403, "unknown_version")["supported"] == ["v2", "v1"]
        problem(envoy.ask(), 403, "missing_version")
        problem(envoy.ask(APIVER=""), 403, "malformed_version")

        # A change of the table is here within a tick or two of each worker.
        write(row("v1", **port), row("v2", **port), row("v3", SHOWN, **port), row("v4", NOWHERE),
              row("v5", port=free_port()), row("v6", **port), row("v7", **port))
        eventually("the table has changed", lambda: all(envoy.ask(APIVER="v7")[0] == 200 for _ in range(20)))
        problem(envoy.ask(APIVER="v3"), 502, "origin_tls")
        problem(envoy.ask(APIVER="v4"), 502, "origin_unreachable")
        problem(envoy.ask(APIVER="v5"), 502, "origin_unreachable")
        problem(envoy.ask("/never", APIVER="v1"), 504, "origin_timeout")
        # An answer may take longer than an origin may be silent.
        status, _, body = envoy.ask("/trickle", APIVER="v1")
        assert (status, body) == (200, b"......"), (status, body)

        # A table that lost more than half its rows, and is served by a node all the same, is not held back again.
        write(row("v7", **port))
        eventually("the small table counts", lambda: all(envoy.ask(APIVER="v1")[0] == 403 for _ in range(20)))

        # What is held is kept for as long as nobody gives another.
        failures = envoy.stat("verge_table_failures")
        node.process.terminate()
        eventually("the node is missed", lambda: envoy.stat("verge_table_failures") > failures + 3)
        eventually("the age is told", lambda: envoy.stat("verge_table_age_seconds") >= 2)
        assert all(envoy.ask(APIVER="v7")[0] == 200 for _ in range(10))

        assert envoy.stat("verge_forwarded") > 30 and envoy.stat("verge_replies.missing_version") == 1
        # Three tables were served, one after the other, and a table in a file has no generation.
        assert (envoy.stat("verge_table_changes"), envoy.stat("verge_table_generation")) == (3, 0)
        assert envoy.stat("verge_replies.origin_tls") == 1 and envoy.stat("verge_table_loaded") == 1
        # Said once by each thread of Envoy's, however often it is so.
        eventually("the log says so", lambda: "cannot be fetched" in envoy.log.read_text())
        log = envoy.log.read_text()
        assert "held back" not in log and log.count("cannot be fetched") <= 3, log


def fed_by_a_server(around, node):
    """A table from any server of HTTP, which is judged here."""
    port = {"port": node.port}
    tables = TableServer()
    tables.rows = [row("v1", **port), row("v2", **port), row("v3", **port)]
    with Envoy(around.config(tables)) as envoy:
        eventually("the table is fetched", lambda: all(envoy.ask(APIVER="v3")[0] == 200 for _ in range(20)))

        # An answer that breaks off is none, and ends nothing.
        failures, tables.breaks = envoy.stat("verge_table_failures"), True
        eventually("answers break off", lambda: envoy.stat("verge_table_failures") >= failures + 8)
        assert tables.broken >= 8 and all(envoy.ask(APIVER="v3")[0] == 200 for _ in range(20))
        tables.breaks = False
        tables.rows = [*tables.rows, row("v4", **port)]
        eventually("the next one counts", lambda: all(envoy.ask(APIVER="v4")[0] == 200 for _ in range(20)))

        # A table that lost more than half its rows is held back: fetched once by each thread of Envoy's, and not believed.
        refreshes, whole = envoy.stat("verge_table_refreshes"), tables.whole
        tables.rows = [row("v1", **port)]
        eventually("it is fetched", lambda: envoy.stat("verge_table_refreshes") >= refreshes + 12)
        assert all(envoy.ask(APIVER="v4")[0] == 200 for _ in range(20)), "a table that shrank is served"
        assert tables.whole - whole <= 3, f"it was fetched {tables.whole - whole} times"
        eventually("its age grows", lambda: envoy.stat("verge_table_age_seconds") >= 2)
        assert 1 <= envoy.log.read_text().count("held back") <= 3, envoy.log.read_text()
        assert envoy.stat("verge_table_changes") == 2, "a table that is held back is no change"
        # Rows that come back end that; among them one in the clear. What the table is counted by is told.
        clear = ClearStage()
        generation = {"api": "#verge", "version": "#generation", "generation": 7}
        tables.rows = [row("v1", **port), row("v5", **port), row("v6", CLEAR, scheme="http", port=clear.port), generation]
        eventually("the next one counts", lambda: all(envoy.ask(APIVER="v5")[0] == 200 for _ in range(20)))
        assert (envoy.stat("verge_table_changes"), envoy.stat("verge_table_generation")) == (3, 7)
        status, _, seen = envoy.ask(APIVER="v6")
        assert (status, seen) == (200, {"target": "/prod/orders/7?a=%20b", "host": f"{CLEAR}:{clear.port}"}), seen


def traps(around, node):
    """Where the filter traps its request is refused, and it is loaded anew (docs/envoy.md, "When it fails")."""
    tables = TableServer()
    tables.rows = [row("v1", port=node.port)]
    module = around.written("trapping.wasm", trapping(pathlib.Path(FILTER).read_bytes()))
    with Envoy(around.config(tables, module=module), threads=1) as envoy:
        serves = lambda: envoy.ask(APIVER="v1")[0] == 200
        reloads = lambda: dict(envoy.stats("^wasm.verge"))
        eventually("the table is fetched", serves)
        other = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=60)
        other.request("GET", "/trickle", headers={"Host": "api.example.com", "APIVER": "v1"})
        answer = other.getresponse()
        assert (answer.status, answer.read(1)) == (200, b".")

        # Two, and the second comes before the filter may be loaded a second time.
        for _ in range(2):
            status, fields, body = envoy.ask(body=b"a body", APIVER="v1")
            assert (status, body, "verge-reason" in fields) == (503, b"", False), (status, fields, body)
        # What was on its way in the same thread breaks off; Envoy says that it is well.
        try:
            raise AssertionError(f"an answer was whole: {answer.read()}")
        except http.client.IncompleteRead:
            pass
        assert envoy.ready() == 200
        eventually("the filter is loaded anew", serves)
        assert all(serves() for _ in range(20)) and reloads()["wasm.verge.vm_reload_success"] >= 1, reloads()
        assert envoy.log.read_text().count("proxy_on_request_headers failed") >= 1


def main():
    configurations()
    believing = 'source = "file"\npath = "table.json"\nshrink_hold = "0s"'
    with Node(VERGE, table=believing, token=TOKEN) as node:
        around = Surroundings(node)
        fed_by_a_node(around, node)
        fed_by_a_server(around, node)
        traps(around, node)
    print("Envoy: deployed configurations are taken; table, answers, faults, traps and statistics hold")


main()
