"""Fills tables with boto3, serves them with moto, and asks `verge` what it sees. Run by dynamodb.sh."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
from ground import answers, free_port, wait_for

VERGE = os.path.abspath(sys.argv[1])
REGION = "us-east-1"
ALLOW = "*.execute-api.us-east-1.amazonaws.com"
# So many rows of so many bytes are more than one page of a scan (1 MB).
ROWS, BALLAST = 300, "x" * 8_000


@contextmanager
def moto():
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port), "moto", patience=20)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def verge(*arguments):
    return subprocess.run([VERGE, *map(str, arguments)], env=os.environ | CREDENTIALS, capture_output=True, text=True)


def expect(name, actual, expected):
    assert actual == expected, f"{name}: expected {expected!r}, found {actual!r}"
    print(f"ok: {name}")


def create(client, table, hash_key, range_key=None):
    keys = [(hash_key, "HASH")] + ([(range_key, "RANGE")] if range_key else [])
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
    )


def domain(number):
    return f"a{number}.execute-api.{REGION}.amazonaws.com"


def write_config(folder, endpoint, table, port):
    path = Path(folder) / f"{table}.toml"
    path.write_text(f"""
[listen]
http = "127.0.0.1:{port}"
[log]
access = "off"
[table]
source = "dynamodb"
name = "{table}"
region = "{REGION}"
endpoint = "{endpoint}"
poll = "200ms"
[origins]
allow = ["{ALLOW}"]
[[api]]
name = "orders"
hosts = ["*"]
[api.version]
vendor = "example"
""")
    return path


def check(config):
    result = verge("check", "-c", config, "--table", "--json")
    return result.returncode, (json.loads(result.stdout)["table"] if result.stdout else result.stderr)


def explain(config, header):
    result = verge("explain", "-c", config, "--json", "-H", header, "http://api.example.com/orders")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def pages_are_read_to_the_last(client, config):
    table = client.Table("versions-of-verge")
    with table.batch_writer() as batch:
        for number in range(1, ROWS + 1):
            batch.put_item(Item={"api": "orders", "version": f"v{number}", "domain": domain(number), "note": BALLAST})
    assert "LastEvaluatedKey" in table.scan(), "one page would prove nothing"
    status, seen = check(config)
    expect("check reads every page", (status, seen["rows"], seen["invalid"]), (0, ROWS, []))
    found = explain(config, f"APIVER: v{ROWS}")
    expect("explain finds a row", (found["outcome"], found["upstream"]["host"]), ("forward", domain(ROWS)))


def a_bad_row_is_named(client, config):
    client.Table("versions-of-verge").put_item(Item={"api": "orders", "version": "bad", "domain": "169.254.169.254"})
    status, seen = check(config)
    expect("a bad row is quarantined and named", (status, [row["key"] for row in seen["invalid"]]), (1, ["bad"]))


def the_sample_layout_is_read(client, config):
    table = client.Table("versions-of-the-sample")
    table.put_item(Item={"hk": "application/vnd.example.v1+json", "dn": domain(1), "dp": "/prod"})
    table.put_item(Item={"hk": "v2", "dn": domain(2), "dp": "/prod"})
    status, seen = check(config)
    expect("check reads the sample layout", (status, seen["rows"]), (0, 2))
    by_accept = explain(config, "Accept: application/vnd.example.v1+json")
    expect("by media type", (by_accept["upstream"]["host"], by_accept["upstream"]["path"]), (domain(1), "/prod/orders"))
    expect("by header", explain(config, "APIVER: v2")["upstream"]["host"], domain(2))


def mappings(config, *words):
    result = verge("mappings", words[0], "-c", config, *words[1:], "--json")
    assert result.returncode == 0, (words, result.stderr)
    return json.loads(result.stdout)


def a_table_is_made_and_written(client, config):
    made = mappings(config, "init")
    expect("init makes the table", [table["created"] for table in made], [True])
    recovery = client.meta.client.describe_continuous_backups(TableName="versions-made-here")
    recovery = recovery["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    expect("with point-in-time recovery", recovery, "ENABLED")
    mappings(config, "put", "orders", "v1", "--domain", domain(1))
    mappings(config, "put", "orders", "v1", "--domain", domain(2))
    expect("a put is served", explain(config, "APIVER: v1")["upstream"]["host"], domain(2))
    back = mappings(config, "rollback", "orders", "v1")
    expect("a rollback is a write", (back["written"], back["after"]["revision"]), (True, 3))
    expect("and brings the row back", explain(config, "APIVER: v1")["upstream"]["host"], domain(1))
    lost = verge("mappings", "put", "-c", config, "orders", "v1", "--domain", domain(3), "--revision", "1")
    expect("a lost race is refused", (lost.returncode, "found revision 3" in lost.stderr), (1, True))
    expect("freeze is said", mappings(config, "freeze")[0]["frozen"], True)
    expect("and taken back", mappings(config, "freeze", "--off")[0]["frozen"], False)
    expect("accept names the rows", mappings(config, "accept")[0]["accepted"].startswith("1-rows-"), True)
    control = client.Table("versions-made-here").get_item(Key={"api": "#verge", "version": "#control"})["Item"]
    expect("in the table itself", (control["frozen"], int(control["revision"])), (False, 3))
    generation = client.Table("versions-made-here").get_item(Key={"api": "#verge", "version": "#generation"})["Item"]
    expect("each write counts", int(generation["generation"]), 6)
    mappings(config, "put", "orders", "v2", "--domain", domain(2))
    mappings(config, "delete", "orders", "v1")
    expect("a deleted row is gone", explain(config, "APIVER: v1")["code"], "unknown_version")


def an_api_is_loaded_on_demand(config, port):
    text = config.read_text().replace('poll = "200ms"', 'poll = "200ms"\nload = "on_demand"')
    config = config.with_suffix(".on_demand.toml")
    config.write_text(text)
    node = subprocess.Popen([VERGE, "serve", "-c", config], env=os.environ | CREDENTIALS, stderr=subprocess.DEVNULL)

    def code():
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"APIVER": "nobody"})
        try:
            urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            return error.headers["verge-reason"]
        except OSError:
            return None

    try:
        seen = []
        wait_for(lambda: seen.append(code()) or seen[-1] == "unknown_version", "the API's rows", patience=20)
        expect("an API that was not asked for is not there", "no_table" in seen, True)
    finally:
        node.kill()
        node.wait()


def a_missing_table_is_unreachable(config):
    status, _ = check(config)
    expect("a missing table is 69", status, 69)


def main():
    with moto() as endpoint, tempfile.TemporaryDirectory() as folder:
        service = boto3.resource(
            "dynamodb", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        create(service.meta.client, "versions-of-verge", "api", "version")
        create(service.meta.client, "versions-of-the-sample", "hk")
        ports = {}
        config = {
            table: write_config(folder, endpoint, table, ports.setdefault(table, free_port()))
            for table in ["versions-of-verge", "versions-of-the-sample", "versions-of-nobody", "versions-made-here"]
        }
        pages_are_read_to_the_last(service, config["versions-of-verge"])
        a_bad_row_is_named(service, config["versions-of-verge"])
        an_api_is_loaded_on_demand(config["versions-of-verge"], ports["versions-of-verge"])
        the_sample_layout_is_read(service, config["versions-of-the-sample"])
        a_table_is_made_and_written(service, config["versions-made-here"])
        a_missing_table_is_unreachable(config["versions-of-nobody"])


main()
