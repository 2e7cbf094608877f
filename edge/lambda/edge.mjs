// The boundary to verge_lambda.wasm. Its memory is all there is: a question is written into it as lines, one call is made,
// and the answer is read out of it as lines (src/boundary.rs). A question or an answer is one text, so that an event costs
// one crossing each way; a stray line end within a value changes the number of lines, and is refused for that.

const encoder = new TextEncoder();

export class Edge {
  #exports;
  #memory = Buffer.alloc(0);

  static compile(bytes) {
    return new WebAssembly.Module(bytes);
  }

  // `configure` makes the first call, and gives the settings.
  constructor(module, configure) {
    this.#exports = new WebAssembly.Instance(module, {}).exports;
    this.settings = configure(this);
  }

  // The configuration, as text of verge.toml.
  configure(toml) {
    return this.#told(this.#exports.configure(this.#write(toml)));
  }

  // The configuration that the AWS sample's custom headers amount to.
  standIn(table, header) {
    return this.#told(this.#exports.stand_in(this.#write(`${table}\n${header}`)));
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

  // What is to be done with an event. Chance and time are the caller's, as the router has none.
  decide(trigger, id, request, way, answered, now = Date.now()) {
    const names = Object.keys(request.headers);
    let fields = '';
    let count = 0;
    for (const name of names) {
      for (const { value } of request.headers[name]) {
        fields += `${name}\n${value}\n`;
        count += 1;
      }
    }
    let question = `${trigger}\n${count}\n${Math.floor(now / 1000)}\n${id}\n${(Math.random() * 0x40000000) | 0}\n${request.clientIp}\n${request.method}\n${request.uri}\n${request.querystring}\n${fields}`;
    if (trigger === 'r') {
      fields = '';
      count = 0;
      for (const name of Object.keys(answered)) {
        for (const { value } of answered[name]) {
          fields += `${name}\n${value}\n`;
          count += 1;
        }
      }
      question += `${way}\n${count}\n${fields}`;
    }
    return this.#read(this.#exports.decide(this.#write(question)));
  }

  #write(text) {
    const bytes = typeof text !== 'string';
    // UTF-8 takes at most three bytes for each unit of a string.
    const room = bytes ? text.length : text.length * 3;
    const at = this.#exports.room(room);
    const memory = this.#view();
    if (bytes) {
      memory.set(text, at);
      return text.length;
    }
    return encoder.encodeInto(text, memory.subarray(at, at + room)).written;
  }

  // Memory that grew is another buffer.
  #view() {
    const { buffer } = this.#exports.memory;
    if (this.#memory.buffer !== buffer) this.#memory = Buffer.from(buffer);
    return this.#memory;
  }

  #text(length) {
    const at = this.#exports.answer();
    return this.#view().utf8Slice(at, at + length);
  }

  // What is asked seldom is answered in JSON.
  #told(length) {
    const told = JSON.parse(this.#text(length));
    if (told.error) throw new Error(told.error);
    return told;
  }

  #read(length) {
    const text = this.#text(length);
    const lines = text.split('\n');
    switch (lines[0]) {
      case 'f': {
        const [, domain, port, protocol, path, uri, readTimeout, way] = lines;
        return { domain, port, protocol, path, uri, readTimeout, way, edits: edits(lines, 8) };
      }
      case 'e':
        return { edits: edits(lines, 1) };
      default: {
        const count = Number(lines[2]);
        const fields = [];
        let at = 3;
        for (let n = 0; n < count; n += 1, at += 2) fields.push([lines[at], lines[at + 1]]);
        // The body is the rest, line ends and all.
        return { status: lines[1], fields, body: lines.slice(at).join('\n') };
      }
    }
  }
}

function edits(lines, at) {
  const found = [];
  for (let n = at; n + 1 < lines.length; n += 2) found.push([lines[n][0], lines[n].slice(1), lines[n + 1]]);
  return found;
}
