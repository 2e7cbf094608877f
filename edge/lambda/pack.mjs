// Puts the configuration and the tables that lie in a folder beside its verge_lambda.wasm into one file, packed.memory: the memory
// they are after they were read. A function then starts with them, however large they are, instead of reading them.
//
//   node edge/lambda/pack.mjs dist/lambda
//
// They are taken away from the folder, as what lies there is read first. The module gets a mark at its end: memory is good for the very
// module that it was made by, and is refused by another (packed.mjs).

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Edge } from './edge.mjs';
import { MARK, PAGE, SECTION, markOf } from './packed.mjs';

// What is as it was for so long is not written.
const BLOCK = 4096;

// Writes the memory, and gives the module with its mark, which is the same for the same.
function writeMemory(path, module, memory) {
  const unmarked = markOf(module) ? module.subarray(0, module.length - MARK - SECTION.length) : module;
  const fresh = new WebAssembly.Instance(new WebAssembly.Module(unmarked), {}).exports.memory.buffer;
  const parts = partsOf(memory, Buffer.from(fresh));
  const numbers = Uint32Array.from([memory.length / PAGE, parts.length, ...parts.flatMap(({ address, length }) => [address, length])]);
  const bytes = parts.map(({ address, length }) => memory.subarray(address, address + length));
  const content = Buffer.concat([Buffer.from(numbers.buffer), ...bytes]);
  const mark = createHash('sha256').update(unmarked).update(content).digest().subarray(0, MARK);
  writeFileSync(path, Buffer.concat([mark, content]));
  return Buffer.concat([unmarked, SECTION, mark]);
}

function partsOf(memory, fresh) {
  const parts = [];
  for (let address = 0; address < memory.length; address += BLOCK) {
    const before = address < fresh.length ? fresh.subarray(address, address + BLOCK) : Buffer.alloc(BLOCK);
    if (memory.subarray(address, address + BLOCK).equals(before)) continue;
    const last = parts.at(-1);
    if (last && last.address + last.length === address) last.length += BLOCK;
    else parts.push({ address, length: BLOCK });
  }
  return parts;
}

// What is wrong is told in a line; where in this script it was found helps nobody.
process.on('uncaughtException', ({ message }) => {
  console.error(message);
  process.exit(1);
});
const folder = process.argv[2] ?? 'dist/lambda';
const [path, into, configuration] = ['verge_lambda.wasm', 'packed.memory', 'verge.toml'].map((name) => join(folder, name));
const module = readFileSync(path);
const edge = new Edge(new WebAssembly.Module(module), (made) => made.configure(readFileSync(configuration)));
const taken = [configuration];
for (const [place, { api }] of edge.settings.tables.entries()) {
  const table = join(folder, api ? `table.${api}.json` : 'table.json');
  if (!existsSync(table)) continue;
  const json = readFileSync(table);
  edge.page(place, json);
  const { held, doubt, invalid } = edge.publish(place);
  // What was read is not to lie about in the memory that is packed.
  edge.page(place, Buffer.alloc(json.length));
  edge.drop(place);
  if (!held) throw new Error(`${table}: ${doubt}`);
  for (const { key, reason } of invalid) console.warn(`${table}: ${key}: ${reason}`);
  taken.push(table);
}
const made = writeMemory(into, module, edge.memory);
writeFileSync(path, made);
const restored = new Edge(new WebAssembly.Module(made), (kept) => kept.restore(into, markOf(made)));
if (restored.settings.tables.some((_, place) => restored.holds(place) !== edge.holds(place))) throw new Error(`${into}: not all of it is kept`);
for (const file of taken) rmSync(file);
console.log(`${into}: ${statSync(into).size} bytes, with ${taken.map((file) => basename(file)).join(', ')} in it`);
