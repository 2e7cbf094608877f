// Start and event times of the function in dist/lambda, beside the AWS sample's algorithm written anew (sample.mjs), in
// Node, without a network: tables are handed to both.
//
//   make wasm && node benches/lambda/bench.mjs
//
// All figures are CPU time of the process, threads that compile and collect garbage among it: other programs on the machine
// do not count. Starts are the median of whole processes, from the first import to the first answer; events the best of a few
// rounds, over events that were made before.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { handler as sample, hold } from './sample.mjs';

const dist = fileURLToPath(new URL('../../dist/lambda/', import.meta.url));
const STARTS = 7;
const ROUNDS = 4;
const EVENTS = 10_000;

// Milliseconds of CPU since then.
const SPENT = '((t) => { const { user, system } = process.cpuUsage(t); return (user + system) / 1000; })';
const spent = (0, eval)(SPENT);

const item = (n) => ({ hk: `application/vnd.example.v${n}+json`, dn: `s${n % 50}.execute-api.us-east-1.amazonaws.com`, dp: `/prod/v${n}` });
const rows = (count) => Array.from({ length: count }, (_, n) => item(n + 1));

const event = (version) => ({
  Records: [{ cf: {
    config: { distributionDomainName: 'd111111abcdef8.cloudfront.net', distributionId: 'EDFDVBD6EXAMPLE', eventType: 'origin-request', requestId: '4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==' },
    request: {
      clientIp: '203.0.113.178', method: 'GET', uri: '/hello', querystring: 'limit=2',
      headers: {
        host: [{ key: 'Host', value: 'api.example.com' }],
        accept: [{ key: 'Accept', value: `application/vnd.example.v${version}+json` }],
        'user-agent': [{ key: 'User-Agent', value: 'Amazon CloudFront' }],
        via: [{ key: 'Via', value: '2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)' }],
        'x-forwarded-for': [{ key: 'X-Forwarded-For', value: '203.0.113.178' }],
        'cache-control': [{ key: 'Cache-Control', value: 'no-cache' }],
      },
      origin: { custom: {
        customHeaders: { 'custom-apigw-table-name': [{ key: 'custom-apigw-table-name', value: 'ApiVersionsMapping' }], 'custom-apigw-header-name': [{ key: 'custom-apigw-header-name', value: 'Accept' }] },
        domainName: 'aws.amazon.com', keepaliveTimeout: 5, path: '', port: 443, protocol: 'https', readTimeout: 30, sslProtocols: ['TLSv1.2'],
      } },
    },
  } }],
});

const TOML = `[table]\nsource = "file"\npath = "table.json"\n[origins]\nallow = ["*.execute-api.us-east-1.amazonaws.com"]\n[[api]]\nname = "hello"\nhosts = ["*"]\n[api.version]\nread = ["accept"]\nvendor = "example"\n`;

function bundle(count) {
  const folder = mkdtempSync(join(tmpdir(), 'verge-lambda-'));
  cpSync(dist, folder, { recursive: true });
  writeFileSync(join(folder, 'verge.toml'), TOML);
  writeFileSync(join(folder, 'table.json'), JSON.stringify({ Items: rows(count) }));
  return folder;
}

function starts(program) {
  const times = [];
  for (let n = 0; n < STARTS; n += 1) times.push(Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })));
  return times.sort((a, b) => a - b)[STARTS >> 1];
}

// What an event takes, in microseconds.
async function events(handle, versions) {
  const copies = (n) => structuredClone(event(versions[n % versions.length]));
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const batch = Array.from({ length: EVENTS }, (_, n) => copies(n));
    const begun = process.cpuUsage();
    for (const one of batch) await handle(one);
    best = Math.min(best, (spent(begun) * 1000) / EVENTS);
  }
  return best;
}

const spread = (count) => Array.from({ length: 97 }, (_, n) => 1 + Math.floor((n * count) / 97));
const results = [];
for (const count of [2, 10_000]) {
  const folder = bundle(count);
  try {
    const first = JSON.stringify(event(1));
    const start = starts(`const t = process.cpuUsage(); const { handler } = await import(${JSON.stringify(join(folder, 'handler.mjs'))}); const answer = await handler(${first}); if (!answer.origin) throw answer; console.log(${SPENT}(t))`);
    const { handler } = await import(join(folder, 'handler.mjs'));
    const ours = await events(handler, spread(count));
    hold(rows(count));
    const theirs = await events((one) => sample(one), spread(count));
    results.push({ rows: count, 'verge: start, ms': start.toFixed(1), 'verge: event, µs': ours.toFixed(2), 'sample: event, µs': theirs.toFixed(2) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
console.table(results);
const sdk = process.env.NODE_PATH && starts(`import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const t = process.cpuUsage(); const { DynamoDBClient } = require('@aws-sdk/client-dynamodb'); new DynamoDBClient({ region: 'us-east-1' }); console.log(${SPENT}(t))`);
if (sdk) console.log(`loading the client for DynamoDB, which the sample's start waits for: ${sdk.toFixed(1)} ms`);
