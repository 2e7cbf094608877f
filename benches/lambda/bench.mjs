// Start and event times of the function in dist/lambda, beside the AWS sample's algorithm written anew (sample.mjs), in
// Node, without a network: tables are handed to both.
//
//   make wasm && node benches/lambda/bench.mjs [--check]
//
// All figures are CPU time of the process, threads that compile and collect garbage among it: other programs on the machine
// do not count, but for what they do to its caches and its clock. So all that is compared is measured in turns, and medians
// are given. A start is a whole process, from the import of the function to its first answer, with what Lambda's own runtime
// has loaded by then loaded before. Events are made before they are measured, as the runtime makes them, of JSON.
//
// --check fails where ground is lost that was gained (tests/tools/lambda.sh): by ratios of one run, and far from what they are.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { handler as sample, hold } from './sample.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const SIZES = [2, 1000, 10_000];
const STARTS = 5;
const ROUNDS = 80;
const EVENTS = 250;

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

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

// The same request's way back.
const answer = { status: '200', statusDescription: 'OK', headers: {
  'content-type': [{ key: 'Content-Type', value: 'application/json' }],
  'content-length': [{ key: 'Content-Length', value: '1024' }],
  date: [{ key: 'Date', value: 'Thu, 26 Nov 2026 12:00:00 GMT' }],
  'x-amzn-requestid': [{ key: 'x-amzn-RequestId', value: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef' }],
} };

async function back(handler, version) {
  const there = event(version);
  const request = await handler(there);
  const { cf } = there.Records[0];
  return { Records: [{ cf: { config: { ...cf.config, eventType: 'origin-response' }, request, response: answer } }] };
}

const TOML = `[table]\nsource = "file"\npath = "table.json"\n[origins]\nallow = ["*.execute-api.us-east-1.amazonaws.com"]\n[[api]]\nname = "hello"\nhosts = ["*"]\n[api.version]\nread = ["accept"]\nvendor = "example"\n`;

const scratch = mkdtempSync(join(tmpdir(), 'verge-lambda-'));
process.on('exit', () => rmSync(scratch, { recursive: true }));

function bundle(count, packed) {
  const folder = join(scratch, `${count}${packed ? '-packed' : ''}`);
  cpSync(path('../../dist/lambda/'), folder, { recursive: true });
  writeFileSync(join(folder, 'verge.toml'), TOML);
  writeFileSync(join(folder, 'table.json'), JSON.stringify({ Items: rows(count) }));
  if (packed) execFileSync(process.execPath, [path('../../edge/lambda/pack.mjs'), folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}

// Milliseconds of CPU that a program takes, once.
function start(program) {
  const measured = `import 'node:fs'; import 'node:http'; const begun = process.cpuUsage(); ${program}; const { user, system } = process.cpuUsage(begun); console.log((user + system) / 1000)`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', measured], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

const answered = (folder) => `const { handler } = await import(${JSON.stringify(join(folder, 'handler.mjs'))}); const answer = await handler(${JSON.stringify(event(1))}); if (!answer.origin) throw answer`;

function starts() {
  const nothing = join(scratch, 'nothing');
  cpSync(path('nothing.mjs'), join(nothing, 'handler.mjs'));
  const programs = { 'a function that does nothing': answered(nothing) };
  for (const count of SIZES) {
    programs[`this one, ${count} rows packed`] = answered(bundle(count, true));
    programs[`this one, ${count} rows beside it`] = answered(bundle(count, false));
  }
  // What the sample's first answer waits for, before it has read anything.
  if (process.env.NODE_PATH) programs['the client for DynamoDB alone'] = `const { createRequire } = await import('node:module'); const { DynamoDBClient } = createRequire(import.meta.url)('@aws-sdk/client-dynamodb'); new DynamoDBClient({ region: 'us-east-1' })`;
  const times = Object.keys(programs).map(() => []);
  for (let n = 0; n < STARTS; n += 1) Object.values(programs).forEach((program, place) => times[place].push(start(program)));
  return Object.fromEntries(Object.keys(programs).map((name, place) => [name, median(times[place])]));
}

// What an event takes, in microseconds: each of these in turn, over and over.
async function events(handlers) {
  const times = handlers.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [place, { handle, texts }] of handlers.entries()) {
      const batch = Array.from({ length: EVENTS }, (_, n) => JSON.parse(texts[n % texts.length]));
      const begun = process.cpuUsage();
      for (const one of batch) await handle(one);
      const { user, system } = process.cpuUsage(begun);
      times[place].push((user + system) / EVENTS);
    }
  }
  return times.map(median);
}

// The three things that are done with an event, over a table of so many rows.
async function handlers(count) {
  const versions = Array.from({ length: 97 }, (_, n) => 1 + Math.floor((n * count) / 97));
  const there = versions.map((version) => JSON.stringify(event(version)));
  const { handler } = await import(join(bundle(count, true), 'handler.mjs'));
  const responses = await Promise.all(versions.map(async (version) => JSON.stringify(await back(handler, version))));
  const table = rows(count);
  const held = (one) => {
    hold(table);
    return sample(one);
  };
  return [{ handle: handler, texts: there }, { handle: handler, texts: responses }, { handle: held, texts: there }];
}

const started = starts();
console.table(Object.fromEntries(Object.entries(started).map(([name, time]) => [name, { 'start, ms': time.toFixed(1) }])));
// All sizes in turn: a machine's minutes differ.
const times = await events((await Promise.all(SIZES.map(handlers))).flat());
const measured = SIZES.map((count, n) => ({ rows: count, ours: times[3 * n], back: times[3 * n + 1], theirs: times[3 * n + 2] }));
const shown = (time) => time.toFixed(2);
console.table(measured.map(({ rows: count, ours, back: way, theirs }) => ({ rows: count, 'there, µs': shown(ours), 'back, µs': shown(way), 'the sample, there, µs': shown(theirs) })));

if (process.argv.includes('--check')) {
  const lost = [];
  const [few, , many] = measured;
  if (many.ours > many.theirs / 12) lost.push(`an event among ${many.rows} rows takes more than a twelfth of the sample's`);
  if (many.back > many.ours) lost.push('the way back takes more than the way there');
  if (many.ours > 2 * few.ours) lost.push(`an event among ${many.rows} rows takes more than twice as long as one among ${few.rows}`);
  const client = started['the client for DynamoDB alone'];
  if (client && started['this one, 2 rows packed'] > client / 4) lost.push('a start takes more than a quarter of what the client for DynamoDB takes');
  for (const what of lost) console.error(what);
  process.exitCode = lost.length > 0 ? 1 : 0;
}
