// Node's own clients against `verge`: http, https, http2 and WebSocket. usage: clients.mjs HTTP_PORT HTTPS_PORT
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

const [plain, tls] = process.argv.slice(2);
const body = randomBytes(300_000);
const digest = createHash("sha256").update(body).digest("hex");

async function text(stream) {
  let all = "";
  for await (const part of stream.setEncoding("utf8")) all += part;
  return all;
}

for (const [client, port] of [[http, plain], [https, tls]]) {
  const agent = new client.Agent({ keepAlive: true, maxSockets: 2 });
  const asked = Array.from({ length: 20 }, async (_, n) => {
    const request = client.request({ host: "localhost", port, path: `/${n}`, method: "POST", agent });
    request.end(body);
    const [answer] = await once(request, "response");
    const seen = JSON.parse(await text(answer));
    assert.deepEqual([answer.statusCode, seen.target, seen.digest], [200, `/${n}`, digest]);
    assert.equal(answer.headers["api-version"], "v1");
  });
  await Promise.all(asked);
  agent.destroy();
}

const session = http2.connect(`https://localhost:${tls}`);
const streams = Array.from({ length: 50 }, async (_, n) => {
  const stream = session.request({ ":method": "POST", ":path": `/${n}` });
  stream.end(body);
  const [head] = await once(stream, "response");
  const seen = JSON.parse(await text(stream));
  assert.deepEqual([head[":status"], seen.target, seen.digest], [200, `/${n}`, digest]);
});
await Promise.all(streams);
session.close();
await once(session, "close");

for (const address of [`ws://localhost:${plain}/echo`, `wss://localhost:${tls}/echo`]) {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  await once(socket, "open");
  for (const message of ["hällo", body.subarray(0, 32_768), body]) {
    socket.send(message);
    const [event] = await once(socket, "message");
    const heard = typeof message === "string" ? event.data : Buffer.from(event.data);
    assert.ok(typeof message === "string" ? heard === message : heard.equals(message));
  }
  socket.close(1000);
  await once(socket, "close");
}
