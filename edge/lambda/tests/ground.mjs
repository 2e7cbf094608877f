// What tests of the function stand on: a live DynamoDB endpoint (the engine of `verge`, behind a relay that can be silent, be gone,
// and count), fresh environments of the function, and events. tests/tools/lambda.sh sets DIST and VERGE.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

const require = createRequire(import.meta.url);
const { DynamoDBClient, CreateTableCommand, PutItemCommand, DeleteItemCommand } = require('@aws-sdk/client-dynamodb');
export const { DIST, VERGE } = process.env;
Object.assign(process.env, { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });

export const read = (name) => JSON.parse(readFileSync(new URL(`events/${name}.json`, import.meta.url), 'utf8'));
export const STAGE = 'abc123.execute-api.us-east-1.amazonaws.com';
const scratch = mkdtempSync(join(tmpdir(), 'verge-lambda-'));
let engine;
export let relay;
let store;

// A TCP relay to the store.
class Relay {
  connections = 0;
  #sockets = new Set();
  #silent = false;

  async open(port) {
    this.server = net.createServer((socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      if (this.#silent) return;
      const to = net.connect(port, '127.0.0.1');
      this.#sockets.add(to);
      to.on('error', () => socket.destroy());
      socket.on('close', () => to.destroy());
      socket.pipe(to).pipe(socket);
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    return this;
  }

  // Takes connections, and says nothing.
  silence() {
    this.#silent = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  speak() {
    this.#silent = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close() {
    this.speak();
    this.server.close();
  }
}

export async function eventually(what, condition, patience = 30_000) {
  const until = Date.now() + patience;
  for (;;) {
    const found = await condition();
    if (found) return found;
    assert(Date.now() < until, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

before(async () => {
  writeFileSync(join(scratch, 'verge.toml'), `[listen]\nhttp = "127.0.0.1:0"\n[log]\naccess = "off"\n[table]\nsource = "embedded"\npath = "table.db"\n[origins]\nallow = ["*.execute-api.us-east-1.amazonaws.com"]\n`);
  engine = spawn(VERGE, ['serve', '-c', join(scratch, 'verge.toml')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [engine.stdout, engine.stderr]) stream.on('data', (data) => { said += data; });
  const [, port] = await eventually('the engine', () => said.match(/for this node alone address=127\.0\.0\.1:(\d+)/));
  relay = await new Relay().open(Number(port));
  store = new DynamoDBClient({ region: 'us-east-1', endpoint: `http://127.0.0.1:${port}` });
});

after(() => {
  engine.kill();
  relay.close();
  rmSync(scratch, { recursive: true });
});

export async function table(name, items, sample = true) {
  const key = (AttributeName, KeyType) => ({ AttributeName, KeyType });
  const keys = sample ? [key('hk', 'HASH')] : [key('api', 'HASH'), key('version', 'RANGE')];
  await store.send(new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: keys,
    AttributeDefinitions: keys.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
  }));
  await put(name, items);
}

const typed = (item) => Object.fromEntries(Object.entries(item).map(([name, value]) => [name, { S: value }]));
export const put = (name, items) => Promise.all(items.map((item) => store.send(new PutItemCommand({ TableName: name, Item: typed(item) }))));
export const remove = (name, keys) => Promise.all(keys.map((hk) => store.send(new DeleteItemCommand({ TableName: name, Key: { hk: { S: hk } } }))));
export const row = (n, dp = `/prod/v${n}`) => ({ hk: `application/vnd.example.v${n}+json`, dn: STAGE, dp });

// A fresh environment of the function, with these files beside it.
let environments = 0;
export async function environment(files = {}) {
  return (await import(join(folderOf(files), 'handler.mjs'))).handler;
}

export function folderOf(files) {
  const folder = join(scratch, `function-${(environments += 1)}`);
  cpSync(DIST, folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

export const toml = (name, more = '', refresh = '1s') => `[table]
source = "dynamodb"
name = "${name}"
region = "us-east-1"
endpoint = "http://127.0.0.1:${relay.port}"
refresh = "${refresh}"
shrink_hold = "2s"
[origins]
allow = ["*.execute-api.us-east-1.amazonaws.com"]
[[api]]
name = "orders"
hosts = ["*"]
${more}
[api.version]
read = ["accept", "header"]
vendor = "example"
`;
export const bundle = (...rows) => JSON.stringify({ Items: rows });

export function request(change = () => {}) {
  const event = read('origin-request');
  change(event.Records[0].cf.request, event.Records[0].cf);
  return event;
}

// The way back of a request as the function sent it.
export function returning(sent, response = read('origin-response')) {
  const event = request((_, cf) => { cf.config.eventType = 'origin-response'; });
  Object.assign(event.Records[0].cf, { request: sent, response });
  return event;
}

export const asking = (version) => request(({ headers }) => {
  headers.accept = [{ key: 'Accept', value: `application/vnd.example.${version}+json` }];
});
export const field = (headers, name) => headers[name]?.map(({ value }) => value).join(', ');

