// Where the function's tables come from: bundled, and DynamoDB (source.mjs).

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { byNearness } from '../source.mjs';
import { asking, bundle, environment, eventually, field, put, relay, remove, row, table, toml } from './ground.mjs';

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

test('the nearest replica is the one whose name has most in common', () => {
  const regions = ['us-east-1', 'eu-central-1', 'eu-west-2', 'ap-southeast-2'];
  assert.equal(byNearness(regions, 'eu-west-2')[0], 'eu-west-2');
  assert.deepEqual(byNearness(regions, 'eu-west-1').slice(0, 2), ['eu-west-2', 'eu-central-1']);
  assert.equal(byNearness(regions, 'sa-east-1')[0], 'us-east-1');
  assert.deepEqual(byNearness([], 'us-west-2'), ['us-west-2']);
});
