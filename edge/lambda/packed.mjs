// The memory of verge_lambda.wasm in a file: what differs of it from a module's that nothing was done with. It belongs to the
// very module that it was made by: a mark at that one's end says which.
//
//   mark               16 bytes
//   pages, count       how large the memory is, and how many parts there are: numbers of four bytes
//   address, length    of each part
//   the parts themselves

import { closeSync, openSync, readSync } from 'node:fs';

export const MARK = 16;
// A custom section of the binary format, and its name (WebAssembly Core Specification 2.0, §5.5.3).
export const SECTION = Buffer.concat([Buffer.from([0, 11 + MARK, 10]), Buffer.from('verge-mark')]);
export const PAGE = 65_536;

// The mark at a module's end; nothing where it has none.
export function markOf(module) {
  const at = module.length - MARK;
  return module.subarray(at - SECTION.length, at).equals(SECTION) ? Buffer.from(module.subarray(at)) : undefined;
}

// Reads each part to where it belongs: nothing is copied twice.
export function readMemory(path, mark, memory) {
  const file = openSync(path);
  try {
    const head = readAll(file, Buffer.alloc(MARK + 8), 0);
    if (!mark || !head.subarray(0, MARK).equals(mark)) throw new Error('what is packed belongs to another verge_lambda.wasm: pack it again');
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
