// Puts the configuration and the tables that lie in a folder beside its verge_lambda.wasm into one file, packed.memory: the memory
// they are after they were read. A function then starts with them, however large they are, instead of reading them.
//
//   node edge/lambda/pack.mjs dist/lambda
//
// They are taken away from the folder, as what lies there is read first. The module gets a mark of this packing at its end: memory
// is good for the very module that it was made by, and is refused by another.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Edge } from './edge.mjs';
import { MARK, writeMemory } from './packed.mjs';

// A custom section of the binary format, and its name (WebAssembly Core Specification 2.0, §5.5.3).
const SECTION = Buffer.concat([Buffer.from([0, 11 + MARK, 10]), Buffer.from('verge-mark')]);

// The module with this mark at its end, and with no other.
function marked(module, mark) {
  const end = module.length - SECTION.length - MARK;
  const unmarked = module.subarray(end).indexOf(SECTION) === 0 ? module.subarray(0, end) : module;
  return Buffer.concat([unmarked, SECTION, mark]);
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
const mark = randomBytes(MARK);
const made = marked(module, mark);
const compiled = new WebAssembly.Module(made);
writeMemory(into, mark, edge.memory, new Edge(compiled, () => ({ names: [] })).memory);
writeFileSync(path, made);
const restored = new Edge(compiled, (kept) => kept.restore(into, mark));
if (restored.settings.tables.some((_, place) => restored.holds(place) !== edge.holds(place))) throw new Error(`${into}: not all of it is kept`);
for (const file of taken) rmSync(file);
console.log(`${into}: ${statSync(into).size} bytes, with ${taken.map((file) => file.slice(folder.length).replace(/^\//, '')).join(', ')} in it`);
