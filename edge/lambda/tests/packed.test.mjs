// What is put into memory before it is shipped (pack.mjs).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { asking, bundle, DIST, eventually, folderOf, row, table, toml } from './ground.mjs';

function pack(folder) {
  const program = fileURLToPath(new URL('../pack.mjs', import.meta.url));
  return execFileSync(process.execPath, [program, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

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
