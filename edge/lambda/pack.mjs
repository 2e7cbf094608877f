// Puts the configuration and the tables that lie in a folder into its verge_lambda.wasm, as the memory they are after they were
// read: a function then starts with them, however large they are, instead of reading them.
//
//   node edge/lambda/pack.mjs dist/lambda
//
// They are taken away from the folder, as what lies there is read first.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Edge } from './edge.mjs';

// Of the binary format (WebAssembly Core Specification 2.0, §5.5).
const [MEMORY, GLOBAL, DATA, DATA_COUNT] = [5, 6, 11, 12];
const [I32, MUTABLE, I32_CONST, END] = [0x7f, 1, 0x41, 0x0b];
const PAGE = 65_536;
// So many zeros are worth a segment of their own, which takes some ten bytes.
const GAP = 32;
// V8's limit.
const MOST_SEGMENTS = 100_000;

// A module, piece by piece.
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  skip(length) {
    this.at += length;
  }

  // `i32.const` with an address, which is below 2 GiB.
  address() {
    expect(this.byte() === I32_CONST, 'an address is written otherwise');
    const value = this.number();
    expect(this.byte() === END, 'an address is written otherwise');
    return value;
  }
}

function expect(is, otherwise) {
  if (!is) throw new Error(`the module is another than build.sh makes: ${otherwise}`);
}

function unsigned(value) {
  const out = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) out.push((value % 128) | 0x80);
  return [...out, value];
}

// A positive number where signed ones stand: the highest bit must be free.
function signed(value) {
  const out = unsigned(value);
  const last = out.at(-1);
  return last < 0x40 ? out : [...out.slice(0, -1), last | 0x80, 0];
}

function sections(module) {
  const reader = new Reader(module, 8);
  const found = [];
  while (reader.at < module.length) {
    const id = reader.byte();
    const length = reader.number();
    found.push({ id, body: module.subarray(reader.at, reader.at + length) });
    reader.skip(length);
  }
  return found;
}

// Below this is the stack, of which nothing is in use between two calls; above it everything that is kept.
function topOfStack(body) {
  const reader = new Reader(body);
  let top;
  for (let left = reader.number(); left > 0; left -= 1) {
    expect(reader.byte() === I32, 'it keeps more than memory');
    const mutable = reader.byte() === MUTABLE;
    const value = reader.address();
    expect(!mutable || top === undefined, 'it keeps more than memory');
    if (mutable) top = value;
  }
  return top;
}

// What is not zero, as segments of data.
function segments(memory, from) {
  const out = [];
  for (let begin = from; ; ) {
    while (begin < memory.length && memory[begin] === 0) begin += 1;
    if (begin === memory.length) return out;
    let end = begin + 1;
    for (let at = end; at < memory.length && at < end + GAP; at += 1) if (memory[at] !== 0) end = at + 1;
    out.push(Buffer.from([0, I32_CONST, ...signed(begin), END, ...unsigned(end - begin)]), memory.subarray(begin, end));
    begin = end;
  }
}

// The module, with this for its memory.
function withMemory(module, memory) {
  const all = sections(module);
  const top = topOfStack(all.find(({ id }) => id === GLOBAL).body);
  const kept = segments(memory, top);
  const count = kept.length / 2;
  if (count > MOST_SEGMENTS) throw new Error('the tables are too large to be packed: leave them beside the module');
  const body = ({ id, body: before }) => {
    switch (id) {
      case MEMORY:
        expect(before[0] === 1 && before[1] === 0, 'its memory has a limit');
        return Buffer.from([1, 0, ...unsigned(memory.length / PAGE)]);
      case DATA_COUNT:
        return Buffer.from(unsigned(count));
      case DATA: {
        const reader = new Reader(before);
        for (let left = reader.number(); left > 0; left -= 1) {
          expect(reader.number() === 0 && reader.address() >= top, 'it has more than its first memory');
          reader.skip(reader.number());
        }
        return Buffer.concat([Buffer.from(unsigned(count)), ...kept]);
      }
      default:
        return before;
    }
  };
  const parts = all.flatMap((section) => {
    const made = body(section);
    return [Buffer.from([section.id, ...unsigned(made.length)]), made];
  });
  return Buffer.concat([module.subarray(0, 8), ...parts]);
}

// What is wrong is told in a line; where in this script it was found helps nobody.
process.on('uncaughtException', ({ message }) => {
  console.error(message);
  process.exit(1);
});
const folder = process.argv[2] ?? 'dist/lambda';
const path = join(folder, 'verge_lambda.wasm');
const configuration = join(folder, 'verge.toml');
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
const packed = withMemory(module, edge.memory);
expect(WebAssembly.validate(packed), 'with its memory it is none');
expect(new Edge(new WebAssembly.Module(packed)).settings, 'its memory is not kept');
writeFileSync(path, packed);
for (const file of taken) rmSync(file);
console.log(`${path}: ${packed.length} bytes, with ${taken.map((file) => file.slice(folder.length).replace(/^\//, '')).join(', ')} in it`);
