// The function as CloudFront calls it: real events, through Node (ground.mjs).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asking, bundle, environment, field, read, relay, request, returning, row, STAGE, table, toml } from './ground.mjs';

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
  const back = returning(sent);
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

test('a tester gets the arm that was asked for, there and back, and stages are not told how', async () => {
  const arm = (name, weight) => ({ name, weight, domain: STAGE, base_path: `/${name}` });
  const split = { api: 'orders', version: 'v1', split: [arm('canary', 0), arm('stable', 1)] };
  const config = `${toml('bundled-alone', '', '1h')}[canary]\ntesters = ["203.0.113.0/24"]\n`;
  const handler = await environment({ 'verge.toml': config, 'table.json': bundle(split) });
  const override = (value) => request(({ headers }) => { headers['verge-override'] = [{ key: 'Verge-Override', value }]; });
  for (const [value, expected] of [['canary;1;s3cret', 'canary'], ['other;1;s3cret', 'stable']]) {
    const sent = await handler(override(value));
    assert.equal(sent.origin.custom.path, `/${expected}`);
    assert(!JSON.stringify(sent).replace(/x-origin-secret.*?\]/g, '').includes('s3cret'), JSON.stringify(sent));
    const back = await handler(returning(sent));
    assert.equal(field(back.headers, 'verge-arm'), expected);
    assert.equal(field(back.headers, 'cache-control')?.includes('no-store') ?? false, expected === 'canary');
  }
});

test('a name with odd letters is told back', async () => {
  const handler = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const event = asking('v1');
  event.Records[0].cf.request.headers.host = [{ key: 'Host', value: 'a;b=c.example.com' }];
  const sent = await handler(event);
  const back = await handler(returning(sent));
  assert.match(field(back.headers, 'location'), /^https:\/\/a;b=c\.example\.com\//);
});

test('an answer whose row has changed meanwhile is edited by no other row', async () => {
  const there = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1)) });
  const here = await environment({ 'verge.toml': toml('bundled-alone', '', '1h'), 'table.json': bundle(row(1, '/other')) });
  const sent = await there(request());
  const { headers } = await here(returning(sent));
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
  const { headers } = await handler(returning(sent, response));
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
    const back = await handler(returning(sent, { status: '201', headers }));
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
  const back = await handler(returning(sent));
  assert.equal(field(back.headers, 'location'), 'https://api.example.com/orders/8');
  delete process.env.AWS_ENDPOINT_URL_DYNAMODB;
  assert.equal((await handler(request())).status, '500');
});
