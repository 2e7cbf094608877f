// The Lambda@Edge function: CloudFront's events in, what CloudFront is to do out. Every decision is made in
// verge_lambda.wasm, by the router that the proxy carries; what is here is the way there and back.
//
// With source.mjs, packed.mjs and edge.mjs it makes one file, dist/lambda/handler.mjs (build.sh). Beside that, all but the first of your own
// choice:
//   verge_lambda.wasm
//   verge.toml      the configuration; without it the function stands in for the AWS sample's, over its table
//   table.json      the table to start from, as `verge mappings export` prints it
//   table.API.json  the same of an API with a table of its own ([api.table])
//   packed.memory   all of these instead, as the memory they are once they were read (pack.mjs); what lies beside is read first

import { existsSync, readFileSync } from 'node:fs';
import { EDIT, Edge, FORWARD, ORIGIN_REQUEST, ORIGIN_RESPONSE, VIEWER_REQUEST } from './edge.mjs';
import { markOf } from './packed.mjs';
import { Tables } from './source.mjs';

const beside = (name) => new URL(name, import.meta.url);
const read = (name) => (existsSync(beside(name)) ? readFileSync(beside(name)) : undefined);

// The custom headers of an origin by which the AWS sample is told what to do.
const TABLE_NAME = 'custom-apigw-table-name';
const HEADER_NAME = 'custom-apigw-header-name';
// What the way there tells the way back. It stands among the origin's custom headers, which no client can write.
const WAY = 'verge-way';
// A distribution has few origins; a client cannot name one.
const MOST_SAMPLES = 16;

const { module, mark } = load();
const configuration = read('verge.toml');
const packed = existsSync(beside('packed.memory'));
let configured = bundled();
const samples = new Map();

// Apart, so that the bytes are not kept.
function load() {
  const wasm = readFileSync(beside('verge_lambda.wasm'));
  return { module: Edge.compile(wasm), mark: markOf(wasm) };
}

// What is bundled; nothing where the function stands in for the sample's.
function bundled() {
  if (!configuration && !packed) {
    // Half of what was packed must not pass for the sample's function.
    if (mark) throw new Error('verge_lambda.wasm was packed with a packed.memory, which is not beside it');
    return undefined;
  }
  const restore = (edge) => edge.restore(beside('packed.memory'), mark);
  const found = open('', configuration ? (edge) => edge.configure(configuration) : restore);
  for (const [place, { api }] of found.edge.settings.tables.entries()) {
    const table = read(api ? `table.${api}.json` : 'table.json');
    if (table) found.tables.bundle(place, table);
  }
  return found;
}

// One configuration with its tables.
function open(key, configure) {
  const edge = new Edge(module, configure);
  return { key, edge, tables: new Tables(edge) };
}

function sample(name, header) {
  const key = `${name} ${header}`;
  let found = samples.get(key);
  if (!found) {
    if (samples.size >= MOST_SAMPLES) samples.clear();
    found = open(key, (edge) => edge.standIn(name, header));
    samples.set(key, found);
  }
  return found;
}

// Which configuration an event belongs to: the bundled one, or what its origin says.
function find(cf) {
  if (configured) return configured;
  const custom = cf.request.origin?.custom?.customHeaders ?? {};
  if (cf.config.eventType === 'origin-response') {
    const [name, header] = custom[WAY]?.[0]?.value.split(' ') ?? [];
    return name && header && sample(name, header);
  }
  const name = custom[TABLE_NAME]?.[0]?.value;
  const header = custom[HEADER_NAME]?.[0]?.value;
  return name && header && sample(name, header.toLowerCase());
}

export async function handler(event) {
  const cf = event?.Records?.[0]?.cf;
  if (!cf?.request || !cf.config) return fault(undefined, 'this is no event of CloudFront');
  try {
    const found = find(cf);
    if (!found) {
      if (cf.config.eventType === 'origin-response') return cf.response;
      return fault(cf, `no verge.toml is bundled, and the origin has no ${TABLE_NAME} and ${HEADER_NAME}`);
    }
    const waiting = found.tables.refresh();
    if (waiting) await waiting;
    return answer(found, cf);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) again();
    // An answer of the origin's is better as it stands than none.
    if (cf.config.eventType === 'origin-response') {
      console.error(JSON.stringify({ level: 'error', message: `the answer was left as it is: ${error?.stack ?? error}` }));
      return cf.response;
    }
    return fault(cf, error?.stack ?? error);
  }
}

// A module that trapped is in no state to go on; tables are read anew.
function again() {
  try {
    samples.clear();
    configured = bundled();
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', message: `it cannot be begun anew: ${error?.stack ?? error}` }));
  }
}

function answer({ key, edge }, cf) {
  const { config, request } = cf;
  const id = config.requestId || crypto.randomUUID();
  switch (config.eventType) {
    case 'origin-request': {
      const what = edge.decide(ORIGIN_REQUEST, id, request);
      return what === FORWARD ? send(edge, key, request) : reply(edge, what);
    }
    case 'viewer-request': {
      const what = edge.decide(VIEWER_REQUEST, id, request);
      if (what !== EDIT) return reply(edge, what);
      edge.apply(request.headers);
      return request;
    }
    case 'origin-response': {
      const said = request.origin?.custom?.customHeaders?.[WAY]?.[0]?.value;
      // Without it the request was not sent by this function.
      if (said === undefined) return cf.response;
      const way = key ? said.slice(key.length + 1) : said;
      if (edge.decide(ORIGIN_RESPONSE, id, request, way, cf.response.headers) !== EDIT) throw new Error('it is no HTTP');
      edge.apply(cf.response.headers);
      return cf.response;
    }
    default:
      // What is no business of this function goes on as it is.
      return cf.response ?? request;
  }
}

// The request as it goes to the origin that was decided on.
function send(edge, key, request) {
  const before = request.origin?.custom;
  const port = edge.number();
  const protocol = edge.number() === 1 ? 'https' : 'http';
  const readTimeout = edge.number() || before?.readTimeout || 30;
  const keepaliveTimeout = before?.keepaliveTimeout ?? 5;
  const domainName = edge.text();
  const path = edge.text();
  request.uri = edge.text();
  const way = edge.text();
  const customHeaders = {};
  for (const name in before?.customHeaders) {
    if (name !== TABLE_NAME && name !== HEADER_NAME) customHeaders[name] = before.customHeaders[name];
  }
  customHeaders[WAY] = [{ key: WAY, value: key ? `${key} ${way}` : way }];
  request.origin = { custom: { domainName, port, protocol, path, sslProtocols: ['TLSv1.2'], readTimeout, keepaliveTimeout, customHeaders } };
  edge.apply(request.headers);
  return request;
}

function reply(edge, status) {
  const headers = {};
  edge.apply(headers);
  const body = edge.text();
  const answer = { status: String(status), headers };
  // With 204, even an empty body makes CloudFront answer 502.
  if (body !== '') Object.assign(answer, { body, bodyEncoding: 'text' });
  return answer;
}

// Our own failure. Nothing goes anywhere undecided.
function fault(cf, why) {
  console.error(JSON.stringify({ level: 'error', message: String(why) }));
  const id = cf?.config?.requestId ?? '';
  const problem = { type: 'urn:verge:problem:internal', title: 'Internal error', detail: 'Internal error', instance: id, code: 'internal', status: 500 };
  const field = (key, value) => [{ key, value }];
  return {
    status: '500',
    headers: {
      'cache-control': field('cache-control', 'no-store'),
      'verge-reason': field('verge-reason', 'internal'),
      vary: field('vary', '*'),
      ...(id && { 'x-request-id': field('x-request-id', id) }),
      'content-type': field('content-type', 'application/problem+json'),
    },
    body: `${JSON.stringify(problem)}\n`,
    bodyEncoding: 'text',
  };
}
