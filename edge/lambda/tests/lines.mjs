// The function as a program for `make conformance`: a question and an answer are a line of JSON each. A question brings a
// configuration with its tables, or a request and what the origin is to answer; an answer says what origin and client see,
// and which fields the function touched. What is CloudFront's part is done here: it calls the function twice, with events, and
// carries out what it is told.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

const dist = resolve(process.argv[2] ?? 'dist/lambda');
const packing = fileURLToPath(new URL('../pack.mjs', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'verge-lambda-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

// What the function logs is a failure here, and would stand between the answers.
let logged = [];
console.log = console.error = (line) => logged.push(line);
// It is asked at other times than now.
let seconds = 0;
Date.now = () => seconds * 1000;

let handler;

// A fresh environment of the function. A table with a past is packed with that, and read as it is now from beside.
async function configure({ config, tables, now }) {
  seconds = now;
  const folder = mkdtempSync(join(scratch, 'function-'));
  cpSync(dist, folder, { recursive: true });
  const write = (api, items) => writeFileSync(join(folder, api ? `table.${api}.json` : 'table.json'), JSON.stringify({ Items: items }));
  writeFileSync(join(folder, 'verge.toml'), config);
  const past = tables.filter(({ before }) => before);
  for (const { api, before } of past) write(api, before);
  if (past.length > 0) execFileSync(process.execPath, [packing, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  for (const { api, items } of tables) write(api, items);
  ({ handler } = await import(pathToFileURL(join(folder, 'handler.mjs'))));
  rmSync(folder, { recursive: true });
  return { ok: true };
}

function lines(pairs) {
  const headers = {};
  for (const [name, value] of pairs) (headers[name.toLowerCase()] ??= []).push({ key: name, value });
  return headers;
}

const pairs = (headers) => Object.entries(headers).flatMap(([name, all]) => all.map(({ value }) => [name, value]));
const touched = (before, after) => [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
const event = (eventType, requestId, more) => ({ Records: [{ cf: { config: { distributionDomainName: 'd111111abcdef8.cloudfront.net', distributionId: 'EDFDVBD6EXAMPLE', eventType, requestId }, ...more } }] });
const origin = () => ({ custom: { customHeaders: {}, domainName: 'stands-in.example.com', keepaliveTimeout: 5, path: '', port: 443, protocol: 'https', readTimeout: 30, sslProtocols: ['TLSv1.2'] } });

async function decide({ id, now, client, tls, method, host, path, query, headers, answer }) {
  // CloudFront knows no difference between no query and an empty one.
  if (query === '') return { skip: 'an empty query' };
  seconds = now;
  const received = lines(headers);
  received.host = [{ key: 'Host', value: host }];
  received['cloudfront-forwarded-proto'] = [{ key: 'CloudFront-Forwarded-Proto', value: tls ? 'https' : 'http' }];
  const request = { clientIp: client, method, uri: path, querystring: query ?? '', headers: structuredClone(received), origin: origin() };
  const sent = await handler(event('origin-request', id, { request }));
  if (sent.status) {
    return { status: Number(sent.status), response: pairs(sent.headers), body: sent.body ?? '', upstream: null, touched: { there: Object.keys(sent.headers), back: [] } };
  }
  const { custom } = sent.origin;
  const there = touched(received, sent.headers);
  const upstream = { scheme: custom.protocol, host: sent.headers.host[0].value, sni: custom.domainName, port: custom.port, path: `${custom.path}${sent.uri}${query === null ? '' : `?${query}`}` };
  const fields = pairs(sent.headers).filter(([name]) => name !== 'cloudfront-forwarded-proto');
  const answered = lines(answer.headers);
  const response = { status: String(answer.status), statusDescription: '', headers: structuredClone(answered) };
  const back = await handler(event('origin-response', id, { request: sent, response }));
  return { status: Number(back.status), upstream, request: fields, response: pairs(back.headers), touched: { there, back: touched(answered, back.headers) } };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  logged = [];
  try {
    answer = await (question.config === undefined ? decide(question) : configure(question));
    if (logged.length > 0) throw new Error(logged.join('; '));
  } catch (error) {
    answer = { error: String(error?.stack ?? error), status: 0, response: [] };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
