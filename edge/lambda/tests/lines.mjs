// The function as a program for `make conformance`: a question and an answer are a line of JSON each. A question brings a
// configuration with its tables, or a request and what the origin is to answer; an answer says what origin and client see.
// What is CloudFront's part is done here: it calls the function twice, and carries out what it is told.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { EDIT, Edge, FORWARD, ORIGIN_REQUEST, ORIGIN_RESPONSE } from '../edge.mjs';

const folder = process.argv[2] ?? 'dist/lambda';
const module = Edge.compile(readFileSync(`${folder}/verge_lambda.wasm`));
let edge;

function configure({ config, tables, now }) {
  edge = new Edge(module, (made) => made.configure(config));
  for (const [place, { api }] of edge.settings.tables.entries()) {
    const table = tables.find((one) => (one.api ?? null) === (api ?? null));
    if (!table) continue;
    for (const items of [table.before, table.items]) {
      if (!items) continue;
      edge.page(place, JSON.stringify({ Items: items }));
      const told = edge.publish(place, now * 1000);
      if (told.doubt) return { error: told.doubt };
    }
  }
  return { ok: true };
}

function lines(pairs) {
  const headers = {};
  for (const [name, value] of pairs) (headers[name.toLowerCase()] ??= []).push({ key: name, value });
  return headers;
}

const pairs = (headers) => Object.entries(headers).flatMap(([name, all]) => all.map(({ value }) => [name, value]));

function decide({ id, now, client, tls, method, host, path, query, headers, answer }) {
  // CloudFront knows no difference between no query and an empty one.
  if (query === '') return { skip: 'an empty query' };
  const fields = lines(headers);
  fields.host = [{ key: 'Host', value: host }];
  fields['cloudfront-forwarded-proto'] = [{ key: 'CloudFront-Forwarded-Proto', value: tls ? 'https' : 'http' }];
  const request = { clientIp: client, method, uri: path, querystring: query ?? '', headers: fields };
  const what = edge.decide(ORIGIN_REQUEST, id, request, undefined, undefined, now * 1000);
  if (what !== FORWARD) {
    const response = {};
    edge.apply(response);
    return { outcome: 'reject', status: what, response: pairs(response), body: edge.text(), upstream: null };
  }
  const port = edge.number();
  const scheme = edge.number() === 1 ? 'https' : 'http';
  edge.number();
  const [sni, base, uri, way] = [edge.text(), edge.text(), edge.text(), edge.text()];
  edge.apply(fields);
  const upstream = { scheme, host: fields.host[0].value, sni, port, path: `${base}${uri}${query === null ? '' : `?${query}`}` };
  const sent = pairs(fields).filter(([name]) => name !== 'cloudfront-forwarded-proto');
  const answered = lines(answer.headers);
  if (edge.decide(ORIGIN_RESPONSE, id, { ...request, uri }, way, answered, now * 1000) !== EDIT) throw new Error('the way back is refused');
  edge.apply(answered);
  return { outcome: 'forward', status: answer.status, upstream, request: sent, response: pairs(answered) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  try {
    answer = question.config === undefined ? decide(question) : configure(question);
  } catch (error) {
    answer = { error: String(error?.stack ?? error), status: 0, response: [] };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
