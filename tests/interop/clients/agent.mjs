// Node's http with an Agent that keeps four connections.
import { once } from "node:events";
import http from "node:http";
import { pipeline } from "node:stream/promises";
import { MIB, assert, broken, inParts, lines, repeat, total } from "./steps.mjs";

const [base, step] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

// A request that is begun, and its answer to come.
function begin(path, options = {}) {
  const request = http.request(base + path, { agent, ...options });
  return [request, once(request, "response").then(([answer]) => answer)];
}

async function read(answer) {
  let said = "";
  for await (const part of answer) said += part;
  assert.ok(answer.complete);
  return [answer.statusCode, said];
}

async function ask(method, path, content, headers) {
  const [request, answer] = begin(path, { method, headers });
  request.end(content);
  return read(await answer);
}

const put = (path, content) => ask("PUT", path, content, { "Content-Length": content.length });

switch (step) {
  case "keep-alive":
    await repeat(2000, async () => assert.deepEqual(await ask("GET", "/hello"), [200, "hello\n"]));
    break;
  case "upload": {
    const content = lines(4 * MIB);
    await repeat(20, async () => assert.deepEqual(await put("/upload", content), [200, "4194304\n"]));
    break;
  }
  case "chunked": {
    const content = lines(4 * MIB);
    await repeat(20, async () => {
      const [request, answer] = begin("/upload", { method: "PUT" });
      await pipeline(inParts(content), request);
      assert.deepEqual(await read(await answer), [200, "4194304\n"]);
    });
    break;
  }
  case "expect": {
    const content = lines(MIB);
    await repeat(5, async () => {
      const headers = { Expect: "100-continue", "Content-Length": content.length };
      const [request, answer] = begin("/upload", { method: "PUT", headers });
      // Without an interim answer nothing is ever sent.
      request.flushHeaders();
      await once(request, "continue");
      request.end(content);
      assert.deepEqual(await read(await answer), [200, "1048576\n"]);
    });
    break;
  }
  case "download":
    for (const [path, length] of [["/bytes/268435456", 256 * MIB], ["/stream/67108864", 64 * MIB]]) {
      const [request, answer] = begin(path);
      request.end();
      assert.equal(await total(await answer), length);
    }
    break;
  case "range": {
    const part = [206, lines(3200).toString().slice(1600)];
    await repeat(10, async () => assert.deepEqual(await ask("GET", "/files/large", "", { Range: "bytes=1600-3199" }), part));
    break;
  }
  case "early": {
    const content = lines(8 * MIB);
    for (let i = 0; i < 5; i++) assert.equal((await put("/refuse", content))[0], 413);
    break;
  }
  case "abort":
    await repeat(20, async () => {
      const [request, answer] = begin("/bytes/1073741824");
      request.on("error", () => {});
      request.end();
      let got = 0;
      await assert.rejects(async () => {
        for await (const part of await answer) if ((got += part.length) >= MIB) request.destroy(new Error("given up"));
      });
    });
    await repeat(20, async () => {
      const [request, answer] = begin("/upload", { method: "PUT" });
      answer.catch(() => {});
      await assert.rejects(pipeline(broken(), request));
    });
    break;
  case "short":
    for (let i = 0; i < 3; i++) await assert.rejects(ask("GET", "/abort"));
    break;
  default:
    throw new Error(step);
}
agent.destroy();
