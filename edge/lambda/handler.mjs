// The Lambda@Edge function: CloudFront's events in, what CloudFront is to do out. Every decision is made in
// verge_lambda.wasm, by the router that the proxy carries; what is here is the way there and back.
//
// Beside this file, all but the first two of your own choice:
//   edge.mjs, source.mjs, verge_lambda.wasm    the rest of the function
//   verge.toml      the configuration; without it the function stands in for the AWS sample's, over its table
//   table.json      the table to start from, as `verge mappings export` prints it
//   table.API.json  the same of an API with a table of its own ([api.table])

import { existsSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { Edge } from './edge.mjs';
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

const module = Edge.compile(readFileSync(beside('verge_lambda.wasm')));
const configuration = read('verge.toml');
let configured = configuration && open('', (edge) => edge.configure(configuration));
const samples = new Map();

// One configuration with its tables.
function open(key, configure) {
  const edge = new Edge(module, configure);
  const tables = new Tables(edge);
  for (const [place, table] of edge.settings.tables.entries()) {
    const bundled = configuration && read(table.api ? `table.${table.api}.json` : 'table.json');
    if (bundled) tables.bundle(place, bundled);
  }
  return { key, edge, tables };
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
  configured = configuration && open('', (edge) => edge.configure(configuration));
  samples.clear();
}

function answer({ key, edge }, cf) {
  const { config, request } = cf;
  const id = config.requestId || randomBytes(16).toString('hex');
  switch (config.eventType) {
    case 'origin-request':
      return send(edge.decide('q', id, request), key, request);
    case 'viewer-request': {
      const decision = edge.decide('v', id, request);
      if (decision.status) return reply(decision);
      apply(decision.edits, request.headers);
      return request;
    }
    case 'origin-response': {
      const said = request.origin?.custom?.customHeaders?.[WAY]?.[0]?.value;
      // Without it the request was not sent by this function.
      if (said === undefined) return cf.response;
      const way = key ? said.slice(key.length + 1) : said;
      apply(edge.decide('r', id, request, way, cf.response.headers).edits, cf.response.headers);
      return cf.response;
    }
    default:
      // What is no business of this function goes on as it is.
      return cf.response ?? request;
  }
}

// The request as it goes to the origin that was decided on.
function send(decision, key, request) {
  if (decision.status) return reply(decision);
  const before = request.origin?.custom;
  const customHeaders = { ...before?.customHeaders };
  delete customHeaders[TABLE_NAME];
  delete customHeaders[HEADER_NAME];
  customHeaders[WAY] = [{ key: WAY, value: key ? `${key} ${decision.way}` : decision.way }];
  request.origin = {
    custom: {
      domainName: decision.domain,
      port: Number(decision.port),
      protocol: decision.protocol,
      path: decision.path,
      sslProtocols: ['TLSv1.2'],
      readTimeout: Number(decision.readTimeout) || before?.readTimeout || 30,
      keepaliveTimeout: before?.keepaliveTimeout ?? 5,
      customHeaders,
    },
  };
  request.uri = decision.uri;
  apply(decision.edits, request.headers);
  return request;
}

// Edits as [what, name, value]: `=` one line instead of all, `+` one more line, `-` none.
function apply(edits, headers) {
  for (const [what, name, value] of edits) {
    if (what === '-') delete headers[name];
    else if (what === '+' && headers[name]) headers[name].push({ key: name, value });
    else headers[name] = [{ key: name, value }];
  }
}

function reply({ status, fields, body }) {
  const headers = {};
  for (const [name, value] of fields) (headers[name] ??= []).push({ key: name, value });
  const answer = { status, headers };
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
