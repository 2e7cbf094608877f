// The boundary to verge_lambda.wasm. Its memory is all there is. An event is written into it as texts, one behind the other,
// and numbers, their lengths for the most part (src/event.rs); one call is made; and what is to be done is read out of it in
// the same form (src/answer.rs). Nothing is escaped, and no text can be taken for another.

import v8 from 'node:v8';
import { readMemory } from './packed.mjs';

// The events. Their places are their numbers.
export const [ORIGIN_REQUEST, VIEWER_REQUEST, ORIGIN_RESPONSE] = [0, 1, 2];
// What `decide` gives besides the status of an answer.
export const [EDIT, FORWARD] = [0, 1];

// What is done with a field (src/answer.rs).
const [SET, APPEND] = [1, 2];
// Names of answers' fields are the origins' to choose, and lists of fields that decisions hang on are many where there are many
// rows: so much of them is remembered.
const MOST = 1000;

export class Edge {
  #exports;
  #bytes = Buffer.alloc(0);
  #words = new Uint32Array(0);
  // Which names are numbers; which names of answers' fields concern the router; lists of names, taken apart.
  #names = new Map();
  #concerned = new Map();
  #lists = new Map();
  // The question that is being written: its texts, of how many numbers it has, and whether lengths are those of bytes already;
  // where it goes, and how much room there is.
  #question = '';
  #count = 0;
  #wide = false;
  #textsAt = 0;
  #numbersAt = 0;
  #room = 0;
  #most = 0;
  // The answer that is being read: its texts, where they are one string; where the next text and the next number stand.
  #answer;
  #nextText = 0;
  #nextNumber = 0;

  // Functions are compiled when they are first called. With this flag they are checked no sooner either: build.sh and pack.mjs
  // have checked all of them, and most are never called.
  static compile(bytes) {
    v8.setFlagsFromString('--wasm-lazy-validation');
    return new WebAssembly.Module(bytes);
  }

  // `configure` makes the first call, and gives the settings: `configure`, `standIn` or `restore` of what is being made.
  constructor(module, configure) {
    this.#exports = new WebAssembly.Instance(module, {}).exports;
    this.settings = configure(this);
    this.settings.names.forEach((name, place) => this.#names.set(name, place + 1));
  }

  // All of its memory, as it is now.
  get memory() {
    return Buffer.from(this.#exports.memory.buffer);
  }

  // The memory that pack.mjs has written into this file for the module of this mark.
  restore(path, mark) {
    readMemory(path, mark, this.#exports.memory);
    return this.#told(this.#exports.settings());
  }

  // The configuration, as text of verge.toml.
  configure(toml) {
    return this.#told(this.#exports.configure(this.#ask(toml)));
  }

  // The configuration that the AWS sample's custom headers amount to.
  standIn(table, header) {
    return this.#told(this.#exports.stand_in(this.#ask(`${table}\n${header}`)));
  }

  // Whether this table is held.
  holds(place) {
    return this.#exports.holds(place) !== 0;
  }

  // One page of a reading, as JSON.
  page(place, json) {
    return this.#told(this.#exports.page(place, this.#ask(json)));
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
    let fields = this.#put(id, request, way, answered);
    let length = this.#copy();
    if (length !== this.#question.length) {
      // It is not all ASCII: texts have other lengths as bytes.
      this.#wide = true;
      fields = this.#put(id, request, way, answered);
      this.#wide = false;
      length = this.#copy();
    }
    const address = this.#exports.decide(event, this.#count, length, fields, now, Math.random() * 0x40000000);
    this.#view();
    this.#nextNumber = address >>> 2;
    const from = this.number();
    const to = from + this.number();
    // Where all of it is ASCII, as nearly always, it is read at once.
    const ascii = this.number() === 1;
    this.#answer = ascii ? this.#bytes.latin1Slice(from, to) : undefined;
    this.#nextText = ascii ? 0 : from;
    return this.number();
  }

  number() {
    return this.#words[this.#nextNumber++];
  }

  text() {
    const from = this.#nextText;
    const to = from + this.number();
    this.#nextText = to;
    return this.#answer === undefined ? this.#bytes.utf8Slice(from, to) : this.#answer.slice(from, to);
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

  // Puts an event together, and gives how many fields of the request are in it. Texts are joined before they are copied: that
  // is one call.
  #put(id, { clientIp, method, uri, querystring, headers }, way, answered) {
    this.#view();
    this.#question = '';
    this.#count = 0;
    this.#add(id);
    this.#add(clientIp);
    this.#add(method);
    this.#add(uri);
    this.#add(querystring);
    this.#add(way);
    let fields = 0;
    if (answered === undefined) {
      for (const name in headers) fields += this.#field(name, headers[name]);
      return fields;
    }
    // The same decision is made once more: what it hung on is the last that the way there wrote down (src/way.rs).
    for (const name of this.#list(way.slice(way.lastIndexOf(';') + 1))) {
      if (Object.hasOwn(headers, name)) fields += this.#field(name, headers[name]);
    }
    for (const name in answered) if (this.#concerned.get(name) ?? this.#concerns(name)) this.#field(name, answered[name]);
    return fields;
  }

  // Names with commas between them, each once, without those whose values stand there too.
  #list(text) {
    const known = this.#lists.get(text);
    if (known) return known;
    const names = [...new Set(text.split(',').filter((name) => !name.includes('=')))];
    // With a client's values in it, it is not seen again.
    if (this.#lists.size < MOST && !text.includes('=')) this.#lists.set(text, names);
    return names;
  }

  // One more text of the event.
  #add(given) {
    let text = typeof given === 'string' ? given : String(given ?? '');
    // Halves of a pair that stand alone are none, and are not to become one beside each other.
    if (this.#wide) text = text.toWellFormed();
    this.#question += text;
    this.#write(this.#wide ? Buffer.byteLength(text) : text.length);
  }

  #write(number) {
    if (this.#count === this.#most) this.#grow(this.#room, 2 * this.#count + 128);
    this.#words[this.#numbersAt + this.#count] = number;
    this.#count += 1;
  }

  // Every entry of a name is a field of its own.
  #field(name, entries) {
    const number = this.#names.get(name) ?? 0;
    for (let n = 0; n < entries.length; n += 1) {
      this.#write(number);
      if (number === 0) this.#add(name);
      this.#add(entries[n].value);
    }
    return entries.length;
  }

  #concerns(name) {
    const found = this.#exports.concerns(this.#ask(name)) !== 0;
    this.#view();
    if (this.#concerned.size < MOST) this.#concerned.set(name, found);
    return found;
  }

  // Copies the texts, and gives how many bytes they are.
  #copy() {
    // In UTF-8 there are at most three for each unit of a string.
    const most = 3 * this.#question.length;
    if (most > this.#room) this.#grow(most, this.#most);
    return this.#bytes.write(this.#question, this.#textsAt, most);
  }

  #grow(room, most) {
    this.#room = Math.max(room, 4096);
    this.#most = most;
    this.#textsAt = this.#exports.room(this.#room);
    this.#numbersAt = this.#exports.numbers(this.#most) >>> 2;
    this.#view();
  }

  // What is asked seldom: a text, or bytes, alone.
  #ask(question) {
    const bytes = typeof question === 'string' ? Buffer.from(question) : question;
    if (bytes.length > this.#room) this.#grow(bytes.length, this.#most);
    this.#view();
    this.#bytes.set(bytes, this.#textsAt);
    return bytes.length;
  }

  // Memory that grew is another buffer, and the one before is empty.
  #view() {
    if (this.#words.length > 0) return;
    const { buffer } = this.#exports.memory;
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
