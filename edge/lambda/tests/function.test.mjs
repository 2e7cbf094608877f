// The function as CloudFront calls it: real events, through Node, over a live DynamoDB endpoint (the engine of `verge`,
// behind a relay that can be silent, be gone, and count). Run by tests/tools/lambda.sh, which sets DIST and VERGE.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { byNearness } from '../source.mjs';

const require = createRequire(import.meta.url);
const { DynamoDBClient, CreateTableCommand, PutItemCommand, DeleteItemCommand } = require('@aws-sdk/client-dynamodb');
const { DIST, VERGE } = process.env;
Object.assign(process.env, { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });

const read = (name) => JSON.parse(readFileSync(new URL(`events/${name}.json`, import.meta.url), 'utf8'));
const STAGE = 'abc123.execute-api.us-east-1.amazonaws.com';
const scratch = mkdtempSync(join(tmpdir(), 'verge-lambda-'));
let engine;
let relay;
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

async function eventually(what, condition, patience = 30_000) {
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

async function table(name, items, sample = true) {
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
const put = (name, items) => Promise.all(items.map((item) => store.send(new PutItemCommand({ TableName: name, Item: typed(item) }))));
const remove = (name, keys) => Promise.all(keys.map((hk) => store.send(new DeleteItemCommand({ TableName: name, Key: { hk: { S: hk } } }))));
const row = (n, dp = `/prod/v${n}`) => ({ hk: `application/vnd.example.v${n}+json`, dn: STAGE, dp });

// A fresh environment of the function, with these files beside it.
let environments = 0;
async function environment(files = {}) {
  return (await import(join(folderOf(files), 'handler.mjs'))).handler;
}

function folderOf(files) {
  const folder = join(scratch, `function-${(environments += 1)}`);
  cpSync(DIST, folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function pack(folder) {
  const program = fileURLToPath(new URL('../pack.mjs', import.meta.url));
  return execFileSync(process.execPath, [program, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const toml = (name, more = '', refresh = '1s') => `[table]
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
const bundle = (...rows) => JSON.stringify({ Items: rows });

function request(change = () => {}) {
  const event = read('origin-request');
  change(event.Records[0].cf.request, event.Records[0].cf);
  return event;
}

const asking = (version) => request(({ headers }) => {
  headers.accept = [{ key: 'Accept', value: `application/vnd.example.${version}+json` }];
});
const field = (headers, name) => headers[name]?.map(({ value }) => value).join(', ');

test('a request goes to its version, with the edits CloudFront allows', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const event = request(({ headers }) => {
    headers['verge-way'] = [{ key: 'verge-way', value: 'forged' }];
    headers.forwarded = [{ key: 'Forwarded', value: 'for=forged' }];
  });
  const sent = await handler(event);
  const { customHeaders, ...origin } = sent.origin.custom;
  assert.deepEqual(origin, {
    domainName: STAGE, port: 443, protocol: 'https', path: '/prod/v1', sslProtocols: ['TLSv1.2'], readTimeout: 35, keepaliveTimeout: 5,
  });
  assert.equal(field(customHeaders, 'x-origin-secret'), 's3cret');
  assert.deepEqual([sent.uri, sent.querystring, sent.method], ['/orders/7', 'limit=2', 'GET']);
  const said = Object.fromEntries(Object.keys(sent.headers).map((name) => [name, field(sent.headers, name)]));
  assert.equal(said.host, STAGE);
  assert.equal(said['x-forwarded-for'], '203.0.113.178');
  assert.equal(said['x-forwarded-host'], 'api.example.com');
  assert.equal(said['verge-version'], 'v1');
  assert.equal(said['cdn-loop'], 'verge');
  assert.equal(said['x-request-id'], '4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==');
  assert.match(said.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  assert.equal(said.accept, 'text/html, application/vnd.example.v1+json');
  for (const absent of ['verge-way', 'forwarded', 'x-forwarded-proto']) assert(!(absent in said), absent);
  assert.equal(said.via, '2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)');
});

test('an answer comes back as the client is to see it', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const sent = await handler(request());
  const back = { Records: [{ cf: { config: { ...read('origin-request').Records[0].cf.config, eventType: 'origin-response' }, request: sent, response: read('origin-response') } }] };
  const { headers, status } = await handler(structuredClone(back));
  assert.equal(status, '301');
  assert.equal(field(headers, 'location'), 'https://api.example.com/orders/8');
  assert.deepEqual(headers['set-cookie'].map(({ value }) => value), ['a=1; Path=/', 'b=2']);
  assert.equal(field(headers, 'api-version'), 'v1');
  assert.equal(field(headers, 'vary').toLowerCase(), 'accept-encoding, accept, apiver');
  assert.equal(field(headers, 'server'), 'stage');
  // Nothing a client sends stands in for what the way there wrote down.
  const forged = structuredClone(back);
  const { custom } = forged.Records[0].cf.request.origin;
  forged.Records[0].cf.request.headers['verge-way'] = custom.customHeaders['verge-way'];
  delete custom.customHeaders['verge-way'];
  assert.deepEqual(await handler(forged), read('origin-response'));
});

test('an answer whose row has changed meanwhile is edited by no other row', async () => {
  const there = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const here = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1, '/other')) });
  const sent = await there(request());
  const config = { ...read('origin-request').Records[0].cf.config, eventType: 'origin-response' };
  const { headers } = await here({ Records: [{ cf: { config, request: sent, response: read('origin-response') } }] });
  assert.equal(field(headers, 'location'), `https://${STAGE}/prod/v1/orders/8`);
  assert.equal(field(headers, 'api-version'), 'v1');
  assert.equal(field(headers, 'cache-control'), 'no-store');
});

test('what is refused is answered as everywhere', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const refused = await handler(asking('v9'));
  assert.equal(refused.status, '403');
  assert.equal(field(refused.headers, 'verge-reason'), 'unknown_version');
  assert.equal(field(refused.headers, 'content-type'), 'application/problem+json');
  const problem = JSON.parse(refused.body);
  assert.deepEqual([problem.code, problem.requested, problem.status], ['unknown_version', 'v9', 403]);
  const head = await handler(request((one) => { one.method = 'HEAD'; one.headers.accept = []; }));
  assert.deepEqual([head.status, head.body], ['403', undefined]);
});

test('hostile events get an answer, and lead nowhere', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const smuggled = 'a\nhost\nevil.example';
  const changes = {
    'a line end in a value': ({ headers }) => { headers['x-a'] = [{ key: 'x-a', value: smuggled }]; },
    'a line end in the path': (one) => { one.uri = `/${smuggled}`; },
    'a line end in the query': (one) => { one.querystring = smuggled; },
    'a line end in the address': (one) => { one.clientIp = smuggled; },
    'a name that is none': ({ headers }) => { headers['a b'] = [{ key: 'a b', value: '1' }]; },
    'a path that is none': (one) => { one.uri = 'orders'; },
    'a path beyond ASCII': (one) => { one.uri = '/\u00e9'; },
    'half a letter in the path': (one) => { one.uri = '/\ud800'; },
    'a long path beyond ASCII': (one) => { one.uri = `/${'\u4e2d\ud800'.repeat(5000)}`; },
    'no path': (one) => { delete one.uri; },
    'no method': (one) => { delete one.method; },
    'an address that is none': (one) => { one.clientIp = '203.0.113'; },
    'a name beyond ASCII': ({ headers }) => { headers['\u00e9'] = [{ key: '\u00e9', value: '1' }]; },
    'a path that climbs': (one) => { one.uri = '/../secret'; },
    'a Host that is none': ({ headers }) => { headers.host = [{ key: 'Host', value: 'u@evil.example' }]; },
    'a method that is none': (one) => { one.method = 'G T'; },
  };
  for (const [what, change] of Object.entries(changes)) {
    const answer = await handler(request(change));
    assert.deepEqual([answer.status, field(answer.headers, 'verge-reason')], ['400', 'bad_request'], what);
  }
  const loop = await handler(request(({ headers }) => { headers['cdn-loop'] = [{ key: 'CDN-Loop', value: 'verge' }]; }));
  assert.equal(loop.status, '508');
  for (const nothing of [undefined, {}, { Records: [] }, { Records: [{ cf: {} }] }]) assert.equal((await handler(nothing)).status, '500');
});

test('fields that are long or beyond ASCII stay as they are, and change nothing', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const values = ['', '\u00e9', '\ud800', '\u4e2d'.repeat(5000), 'a'.repeat(20_000)];
  const sent = await handler(request((one) => {
    values.forEach((value, n) => { one.headers[`x-${n}`] = [{ key: `X-${n}`, value }, { key: `X-${n}`, value: 'b' }]; });
    delete one.clientIp;
    delete one.querystring;
  }));
  assert.deepEqual([sent.origin.custom.path, sent.uri], ['/prod/v1', '/orders/7']);
  values.forEach((value, n) => assert.deepEqual(sent.headers[`x-${n}`].map((line) => line.value), [value, 'b']));
  const response = read('origin-response');
  response.headers['set-cookie'] = [{ key: 'Set-Cookie', value: `a=\u00e9\u4e2d; Domain=${STAGE}; Path=/prod/v1` }];
  const config = { ...read('origin-request').Records[0].cf.config, eventType: 'origin-response' };
  const { headers } = await handler({ Records: [{ cf: { config, request: sent, response } }] });
  assert.equal(field(headers, 'set-cookie'), 'a=\u00e9\u4e2d; Path=/');
  assert.equal(field(headers, 'location'), 'https://api.example.com/orders/8');
});

test('whatever an answer has besides, what concerns the router is edited', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  // More names than are remembered, and texts that have other lengths as bytes.
  for (let n = 0; n < 1100; n += 1) {
    const sent = await handler(asking('v1'));
    const headers = Object.fromEntries([`x-odd-${n}`, 'constructor'].map((key) => [key, [{ key, value: '\u00e9\ud800' }]]));
    headers.location = [{ key: 'Location', value: `https://${STAGE}/prod/v1/\u00e9` }, { key: 'Location', value: `https://${STAGE}/prod/v1/8` }];
    const config = { ...read('origin-request').Records[0].cf.config, eventType: 'origin-response' };
    const back = await handler({ Records: [{ cf: { config, request: sent, response: { status: '201', headers } } }] });
    assert.deepEqual(back.headers.location.map(({ value }) => value), ['https://api.example.com/\u00e9', 'https://api.example.com/8'], `after ${n}`);
    assert.equal(field(back.headers, 'api-version'), 'v1');
    assert.equal(field(back.headers, `x-odd-${n}`), '\u00e9\ud800');
  }
});

test('halves of letters in texts beside each other are none', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const answer = await handler(request((one) => { Object.assign(one, { uri: '/\ud800', querystring: '\udc00' }); }));
  assert.equal(answer.status, '400');
});

test('an event that lacks what every event has is answered, and sent nowhere', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  for (const headers of [undefined, null, { accept: undefined }, { accept: [null] }]) {
    const answer = await handler(request((one) => { one.headers = headers; }));
    assert.match(answer.status, /^(421|500)$/, JSON.stringify(headers));
  }
  assert.equal((await handler(asking('v1'))).origin.custom.path, '/prod/v1');
});

test('what is packed serves as what lies beside it, which is read first', async () => {
  const folder = folderOf({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1), row(2)) });
  assert.match(pack(folder), /with verge\.toml, table\.json in it/);
  for (const file of ['verge.toml', 'table.json']) assert(!existsSync(join(folder, file)), file);
  const handler = (await import(join(folder, 'handler.mjs'))).handler;
  for (const n of [1, 2]) assert.equal((await handler(asking(`v${n}`))).origin.custom.path, `/prod/v${n}`);
  assert.equal((await handler(asking('v3'))).status, '403');
  const beside = folderOf({});
  cpSync(folder, beside, { recursive: true });
  writeFileSync(join(beside, 'table.json'), bundle(row(1, '/beside'), row(2)));
  assert.equal((await (await import(join(beside, 'handler.mjs'))).handler(asking('v1'))).origin.custom.path, '/beside');
});

test('what is packed is read again from its store', async () => {
  await table('packed', [row(1, '/live')]);
  const folder = folderOf({ 'verge.toml': toml('packed'), 'table.json': bundle(row(1, '/packed')) });
  pack(folder);
  const handler = (await import(join(folder, 'handler.mjs'))).handler;
  assert.equal((await handler(asking('v1'))).origin.custom.path, '/packed');
  await eventually('the live table', async () => (await handler(asking('v1'))).origin.custom.path === '/live');
});

test('what is packed serves with the module that it was packed by, and else stops the start', async () => {
  const files = { 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) };
  const folder = folderOf(files);
  pack(folder);
  const altered = (change) => {
    const copy = folderOf({});
    cpSync(folder, copy, { recursive: true });
    change(copy);
    return import(join(copy, 'handler.mjs'));
  };
  const fresh = readFileSync(join(DIST, 'verge_lambda.wasm'));
  await assert.rejects(altered((copy) => writeFileSync(join(copy, 'verge_lambda.wasm'), fresh)), /packed.*another verge_lambda\.wasm/);
  await assert.rejects(altered((copy) => rmSync(join(copy, 'packed.memory'))), /packed\.memory, which is not beside it/);
  const whole = readFileSync(join(folder, 'packed.memory'));
  for (const end of [0, 16, 30, whole.length - 1]) {
    await assert.rejects(altered((copy) => writeFileSync(join(copy, 'packed.memory'), whole.subarray(0, end))), /packed is cut short/);
  }
  // Packed again, it is what it became last; and the same where it is the same.
  const size = readFileSync(join(folder, 'verge_lambda.wasm')).length;
  const other = folderOf(files);
  pack(other);
  assert.deepEqual(readFileSync(join(other, 'packed.memory')), whole);
  for (const [name, text] of Object.entries({ ...files, 'table.json': bundle(row(1, '/again')) })) writeFileSync(join(folder, name), text);
  pack(folder);
  assert.equal(readFileSync(join(folder, 'verge_lambda.wasm')).length, size);
  const { handler } = await altered(() => {});
  assert.equal((await handler(asking('v1'))).origin.custom.path, '/again');
});

test('what cannot be served is not packed', () => {
  const message = (files) => {
    try { return pack(folderOf(files)); } catch (error) { return error.stderr; }
  };
  assert.match(message({ 'verge.toml': '[table]\nsource = "nowhere"\n' }), /table\.source/);
  assert.match(message({ 'verge.toml': toml('empty'), 'table.json': bundle() }), /table\.json: /);
  assert.match(message({}), /verge\.toml/);
});

test('before the cache a version is named by one key, whatever a client writes there', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const view = (change = () => {}) => request((one, cf) => { cf.config.eventType = 'viewer-request'; delete one.origin; change(one); });
  const spelled = await handler(view(({ headers }) => { headers['verge-key'] = [{ key: 'verge-key', value: 'orders/other' }]; }));
  assert.equal(field(spelled.headers, 'verge-key'), 'orders/application/vnd.example.v1+json');
  assert.equal(field(spelled.headers, 'host'), 'api.example.com');
  const other = await handler(view(({ headers }) => { headers.accept = [{ key: 'Accept', value: 'application/vnd.example+json; version=1' }]; }));
  assert.equal(field(other.headers, 'verge-key'), field(spelled.headers, 'verge-key'));
  assert.equal((await handler(view(({ headers }) => { headers.accept = []; }))).status, '403');
});

test('the bundled table serves while the store is away, and the store is read when it is back', async () => {
  await table('comes-back', [row(1, '/live')]);
  relay.silence();
  const handler = await environment({ 'verge.toml': toml('comes-back'), 'table.json': bundle(row(1, '/bundled')) });
  assert.equal((await handler(asking('v1'))).origin.custom.path, '/bundled');
  relay.speak();
  await eventually('the live table', async () => (await handler(asking('v1'))).origin.custom.path === '/live');
  // And from then on that one, though the store is away again.
  relay.silence();
  for (let n = 0; n < 20; n += 1) assert.equal((await handler(asking('v1'))).origin.custom.path, '/live');
  relay.speak();
});

test('without any table the answer is 503, and never that there is no such version', async () => {
  await table('late', [row(1)]);
  relay.silence();
  const handler = await environment({ 'verge.toml': toml('late') });
  const answers = await Promise.all([handler(asking('v1')), handler(asking('v9'))]);
  for (const answer of answers) {
    assert.deepEqual([answer.status, field(answer.headers, 'verge-reason'), field(answer.headers, 'retry-after')], ['503', 'no_table', '1']);
  }
  relay.speak();
  await eventually('the first table', async () => (await handler(asking('v1'))).origin?.custom.path === '/prod/v1');
});

test('events that come together share one reading', async () => {
  await table('shared', [row(1)]);
  const before = relay.connections;
  const handler = await environment({ 'verge.toml': toml('shared', '', '1h') });
  const answers = await Promise.all(Array.from({ length: 50 }, () => handler(asking('v1'))));
  for (const answer of answers) assert.equal(answer.origin.custom.path, '/prod/v1');
  assert.equal(relay.connections - before, 1);
});

test('a table that lost more than half its rows is held back, and a bad row lives on', async () => {
  await table('shrinks', [row(1), row(2), row(3), row(4)]);
  const handler = await environment({ 'verge.toml': toml('shrinks') });
  assert.equal((await handler(asking('v3'))).origin.custom.path, '/prod/v3');
  await put('shrinks', [{ ...row(1), dn: '169.254.169.254' }, row(2, '/moved')]);
  await eventually('the moved row', async () => (await handler(asking('v2'))).origin.custom.path === '/moved');
  assert.equal((await handler(asking('v1'))).origin.custom.path, '/prod/v1');
  await remove('shrinks', [2, 3, 4].map((n) => row(n).hk));
  const begun = Date.now();
  await eventually('the smaller table', async () => (await handler(asking('v3'))).status === '403');
  assert(Date.now() - begun >= 1500, 'believed at once');
});

test('a table of several pages is read to its end', async () => {
  const ballast = 'x'.repeat(100_000);
  await table('pages', Array.from({ length: 25 }, (_, n) => ({ ...row(n + 1), note: ballast })));
  const handler = await environment({ 'verge.toml': toml('pages', '', '1h') });
  for (let n = 1; n <= 25; n += 1) assert.equal((await handler(asking(`v${n}`))).origin.custom.path, `/prod/v${n}`);
});

test('where the nearest region fails the next one is read', async () => {
  await table('replicated', [row(1, '/replica')]);
  const asked = [];
  // Signatures name the region that they are for.
  const regional = http.createServer((question, answer) => {
    const [, region] = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(question.headers.authorization);
    asked.push(region);
    if (region === 'us-east-1') return answer.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end('{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}');
    const { method, url, headers } = question;
    return question.pipe(http.request({ port: relay.port, method, path: url, headers }, (told) => {
      answer.writeHead(told.statusCode, told.headers);
      told.pipe(answer);
    }));
  });
  await new Promise((resolve) => regional.listen(0, '127.0.0.1', resolve));
  const config = toml('replicated', '', '1h').replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${regional.address().port}`);
  const handler = await environment({ 'verge.toml': `${config}[lambda]\nregions = ["eu-west-1", "us-east-1"]\n` });
  assert.equal((await handler(asking('v1'))).origin.custom.path, '/replica');
  assert.deepEqual(asked, ['us-east-1', 'eu-west-1']);
  regional.closeAllConnections();
  regional.close();
});

test('a module that trapped is begun anew', async () => {
  const { Instance } = WebAssembly;
  let traps = 0;
  // Only a fault of ours could make it trap.
  WebAssembly.Instance = function (...given) {
    const { exports } = new Instance(...given);
    const decide = (...event) => {
      if (traps === 0) return exports.decide(...event);
      traps -= 1;
      throw new WebAssembly.RuntimeError('unreachable');
    };
    return { exports: { ...exports, decide } };
  };
  try {
    const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
    for (let again = 0; again < 2; again += 1) {
      assert.equal((await handler(asking('v1'))).origin.custom.path, '/prod/v1');
      traps = 1;
      const answer = await handler(asking('v1'));
      assert.deepEqual([answer.status, field(answer.headers, 'verge-reason')], ['500', 'internal']);
    }
    assert.equal((await handler(asking('v1'))).origin.custom.path, '/prod/v1');
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
});

test('without a configuration it stands in for the function of the AWS sample', async () => {
  await table('ApiVersionsMapping', [row(1), { hk: 'APPLICATION/VND.EXAMPLE.V2+JSON', dn: 'api.other.example' }]);
  process.env.AWS_ENDPOINT_URL_DYNAMODB = `http://127.0.0.1:${relay.port}`;
  const handler = await environment();
  const from = (header, change = () => {}) => request((one) => {
    one.origin.custom.customHeaders = {
      'custom-apigw-table-name': [{ key: 'custom-apigw-table-name', value: 'ApiVersionsMapping' }],
      'custom-apigw-header-name': [{ key: 'custom-apigw-header-name', value: header }],
    };
    change(one);
  });
  const sent = await handler(from('Accept'));
  assert.deepEqual([sent.origin.custom.domainName, sent.origin.custom.port, sent.origin.custom.path, sent.uri], [STAGE, 443, '/prod/v1', '/orders/7']);
  assert.deepEqual(Object.keys(sent.origin.custom.customHeaders), ['verge-way']);
  // Any domain, any case, and of a field of its own.
  const own = await handler(from('APIVER', ({ headers }) => { headers.apiver = [{ key: 'APIVER', value: 'application/vnd.example.v2+json' }]; }));
  assert.deepEqual([own.origin.custom.domainName, own.origin.custom.path, field(own.headers, 'host')], ['api.other.example', '', 'api.other.example']);
  for (const value of ['', 'application/vnd.example.v9+json']) {
    const refused = await handler(from('APIVER', ({ headers }) => { headers.apiver = [{ key: 'APIVER', value }]; }));
    assert.equal(refused.status, '403', value);
  }
  // The way back finds its table by what the way there wrote down.
  const config = { ...read('origin-request').Records[0].cf.config, eventType: 'origin-response' };
  const back = await handler({ Records: [{ cf: { config, request: sent, response: read('origin-response') } }] });
  assert.equal(field(back.headers, 'location'), 'https://api.example.com/orders/8');
  delete process.env.AWS_ENDPOINT_URL_DYNAMODB;
  assert.equal((await handler(request())).status, '500');
});

test('the nearest replica is the one whose name has most in common', () => {
  const regions = ['us-east-1', 'eu-central-1', 'eu-west-2', 'ap-southeast-2'];
  assert.equal(byNearness(regions, 'eu-west-2')[0], 'eu-west-2');
  assert.deepEqual(byNearness(regions, 'eu-west-1').slice(0, 2), ['eu-west-2', 'eu-central-1']);
  assert.equal(byNearness(regions, 'sa-east-1')[0], 'us-east-1');
  assert.deepEqual(byNearness([], 'us-west-2'), ['us-west-2']);
});
