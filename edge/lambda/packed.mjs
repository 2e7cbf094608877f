// The memory of verge_lambda.wasm in a file: what differs of it from a module's that nothing was done with. It belongs to the
// very module that it was made by: a mark at that one's end says which.
//
//   mark           as many bytes as MARK
//   pages, count   how large the memory is, and how many parts there are: numbers of four bytes
//   address, length    of each part
//   the parts themselves

import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';

export const MARK = 16;
const PAGE = 65_536;
// What is as it was for so long is not written.
const BLOCK = 4096;

export function writeMemory(path, mark, memory, fresh) {
  const parts = partsOf(memory, fresh);
  const numbers = Uint32Array.from([memory.length / PAGE, parts.length, ...parts.flatMap(({ address, length }) => [address, length])]);
  const bytes = parts.map(({ address, length }) => memory.subarray(address, address + length));
  writeFileSync(path, Buffer.concat([mark, Buffer.from(numbers.buffer), ...bytes]));
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

// Reads each part to where it belongs: nothing is copied twice.
export function readMemory(path, mark, memory) {
  const file = openSync(path);
  try {
    const head = readAll(file, Buffer.alloc(MARK + 8), 0);
    if (!head.subarray(0, MARK).equals(mark)) throw new Error('what is packed belongs to another verge_lambda.wasm: pack it again');
    const [pages, count] = [head.readUInt32LE(MARK), head.readUInt32LE(MARK + 4)];
    const parts = readAll(file, Buffer.alloc(8 * count), head.length);
    const more = pages - memory.buffer.byteLength / PAGE;
    if (more > 0) memory.grow(more);
    const bytes = Buffer.from(memory.buffer);
    let position = head.length + parts.length;
    for (let at = 0; at < parts.length; at += 8) {
      const [address, length] = [parts.readUInt32LE(at), parts.readUInt32LE(at + 4)];
      readAll(file, bytes.subarray(address, address + length), position);
      position += length;
    }
  } finally {
    closeSync(file);
  }
}

function readAll(file, into, position) {
  for (let done = 0; done < into.length; ) {
    const read = readSync(file, into, done, into.length - done, position + done);
    if (read === 0) throw new Error('what is packed is cut short');
    done += read;
  }
  return into;
}
