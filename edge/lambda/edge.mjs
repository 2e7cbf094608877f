// The boundary to verge_lambda.wasm. Its memory is all there is. An event is written into it as texts, one behind the other,
// and their lengths (src/event.rs); one call is made; and what is to be done is read out of it in the same form
// (src/answer.rs). Nothing is escaped, and no text can be taken for another.

import v8 from 'node:v8';

const encoder = new TextEncoder();

// The events. Their places are their numbers.
export const [ORIGIN_REQUEST, VIEWER_REQUEST, ORIGIN_RESPONSE] = [0, 1, 2];
// What `decide` gives besides the status of an answer.
export const [EDIT, FORWARD] = [0, 1];

// What is done with a field (src/answer.rs).
const [SET, APPEND] = [1, 2];
// Most texts are short and ASCII, and copied faster one by one than by a call.
const SHORT = 160;

export class Edge {
  #exports;
  #bytes = Buffer.alloc(0);
  #words = new Uint32Array(0);
  // The question that is being written: where, how much room there is, how much is taken.
  #at = 0;
  #room = 0;
  #length = 0;
  #lengths = 0;
  #most = 0;
  #count = 0;
  // The answer that is being read.
  #text = 0;
  #number = 0;
  #all;

  // Functions are compiled when they are first called. With this flag they are checked no sooner either: build.sh and pack.mjs
  // have checked all of them, and most are never called.
  static compile(bytes) {
    v8.setFlagsFromString('--wasm-lazy-validation');
    return new WebAssembly.Module(bytes);
  }

  // `configure` makes the first call, and gives the settings. Without it they are those that pack.mjs has put into the module,
  // if any.
  constructor(module, configure) {
    this.#exports = new WebAssembly.Instance(module, {}).exports;
    this.settings = configure ? configure(this) : this.#packed();
  }

  #packed() {
    const length = this.#exports.settings();
    return length > 0 ? this.#told(length) : undefined;
  }

  // All of its memory, as it is now.
  get memory() {
    return new Uint8Array(this.#exports.memory.buffer);
  }

  // The configuration, as text of verge.toml.
  configure(toml) {
    return this.#told(this.#exports.configure(this.#write(toml)));
  }

  // The configuration that the AWS sample's custom headers amount to.
  standIn(table, header) {
    return this.#told(this.#exports.stand_in(this.#write(`${table}\n${header}`)));
  }

  // Whether this table is held.
  holds(place) {
    return this.#exports.holds(place) !== 0;
  }

  // One page of a reading, as JSON.
  page(place, json) {
    return this.#told(this.#exports.page(place, this.#write(json)));
  }

  // The pages since the last time are all there are.
  publish(place, now = Date.now()) {
    return this.#told(this.#exports.publish(place, now));
  }

  // The pages since the last time are not to be used.
  drop(place) {
    this.#exports.drop_pages(place);
  }

  // What is to be done with an event: EDIT, then `apply` edits the head; FORWARD, then there are `number`s and `text`s first
  // (src/answer.rs); else the status of an answer, whose fields `apply` makes, and whose body is the `text` after that.
  // Chance and time are the caller's, as the router has none.
  decide(event, id, request, way = '', answered = undefined, now = Date.now()) {
    this.#length = 0;
    this.#count = 0;
    this.#view();
    this.#put(id);
    this.#put(request.clientIp);
    this.#put(request.method);
    this.#put(request.uri);
    this.#put(request.querystring);
    this.#put(way);
    const before = this.#count;
    this.#fields(request.headers);
    const fields = (this.#count - before) / 2;
    if (answered) this.#fields(answered);
    const length = this.#exports.decide(event, this.#count, this.#length, fields, now, Math.random() * 0x40000000);
    this.#view();
    this.#number = this.#exports.numbers() >>> 2;
    this.#text = this.#exports.texts();
    // Where all of it is ASCII, as nearly always, it is read at once.
    const ascii = this.number() === 1;
    this.#all = ascii ? this.#bytes.latin1Slice(this.#text, this.#text + length) : undefined;
    if (ascii) this.#text = 0;
    return this.number();
  }

  number() {
    return this.#words[this.#number++];
  }

  text() {
    const from = this.#text;
    const to = from + this.number();
    this.#text = to;
    return this.#all === undefined ? this.#bytes.utf8Slice(from, to) : this.#all.slice(from, to);
  }

  // Makes the edits of a head.
  apply(headers) {
    for (;;) {
      const edit = this.number();
      if (edit === 0) return;
      const what = edit & 3;
      const place = edit >>> 2;
      const name = place === 0 ? this.text() : this.settings.names[place - 1];
      if (what === SET) headers[name] = [{ key: name, value: this.text() }];
      else if (what === APPEND) (headers[name] ??= []).push({ key: name, value: this.text() });
      else delete headers[name];
    }
  }

  #fields(headers) {
    for (const name in headers) {
      const entries = headers[name];
      for (let n = 0; n < entries.length; n += 1) {
        this.#put(name);
        this.#put(entries[n].value);
      }
    }
  }

  // One more text of the question.
  #put(given) {
    const text = typeof given === 'string' ? given : String(given ?? '');
    const units = text.length;
    // UTF-8 takes at most three bytes for each unit of a string.
    if (this.#length + units * 3 > this.#room || this.#count === this.#most) this.#grow(2 * (this.#length + units * 3) + 4096);
    const at = this.#at + this.#length;
    const bytes = this.#bytes;
    let written = units;
    let all = 0;
    if (units <= SHORT) {
      for (let n = 0; n < units; n += 1) {
        const unit = text.charCodeAt(n);
        all |= unit;
        bytes[at + n] = unit;
      }
    }
    if (units > SHORT || all > 0x7f) written = encoder.encodeInto(text, bytes.subarray(at, at + units * 3)).written;
    this.#words[this.#lengths + this.#count] = written;
    this.#length += written;
    this.#count += 1;
  }

  #grow(room) {
    this.#room = room;
    this.#most = 2 * this.#count + 128;
    this.#at = this.#exports.room(this.#room);
    this.#lengths = this.#exports.lengths(this.#most) >>> 2;
    this.#view();
  }

  // What is asked seldom: a text, or bytes, alone.
  #write(question) {
    const bytes = typeof question === 'string' ? encoder.encode(question) : question;
    if (bytes.length > this.#room) this.#grow(bytes.length);
    this.#view();
    this.#bytes.set(bytes, this.#at);
    return bytes.length;
  }

  // Memory that grew is another buffer.
  #view() {
    const { buffer } = this.#exports.memory;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = Buffer.from(buffer);
    this.#words = new Uint32Array(buffer);
  }

  // What is asked seldom is answered in JSON.
  #told(length) {
    this.#view();
    const at = this.#exports.told();
    const told = JSON.parse(this.#bytes.utf8Slice(at, at + length));
    if (told.error) throw new Error(told.error);
    return told;
  }
}
