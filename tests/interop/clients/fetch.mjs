// Node's fetch, which is undici: four at a time.
import { MIB, assert, broken, inParts, lines, repeat, total } from "./steps.mjs";

const [base, step] = process.argv.slice(2);
const text = async (path, init) => {
  const answer = await fetch(base + path, init);
  return [answer.status, await answer.text()];
};
const put = (path, body) => text(path, { method: "PUT", body, duplex: "half" });
const stream = (generator) => ReadableStream.from(generator);

switch (step) {
  case "keep-alive":
    await repeat(2000, async () => assert.deepEqual(await text("/hello"), [200, "hello\n"]));
    break;
  case "upload": {
    const content = lines(4 * MIB);
    await repeat(20, async () => assert.deepEqual(await put("/upload", content), [200, "4194304\n"]));
    break;
  }
  case "chunked": {
    const content = lines(4 * MIB);
    await repeat(20, async () => assert.deepEqual(await put("/upload", stream(inParts(content))), [200, "4194304\n"]));
    break;
  }
  case "download":
    assert.equal(await total((await fetch(base + "/bytes/268435456")).body), 256 * MIB);
    assert.equal(await total((await fetch(base + "/stream/67108864")).body), 64 * MIB);
    break;
  case "range": {
    const part = [206, lines(3200).toString().slice(1600)];
    const headers = { Range: "bytes=1600-3199" };
    await repeat(10, async () => assert.deepEqual(await text("/files/large", { headers }), part));
    break;
  }
  case "early": {
    const content = lines(8 * MIB);
    for (let i = 0; i < 5; i++) assert.equal((await put("/refuse", content))[0], 413);
    break;
  }
  case "abort":
    await repeat(20, async () => {
      const leave = new AbortController();
      const answer = await fetch(base + "/bytes/1073741824", { signal: leave.signal });
      let got = 0;
      await assert.rejects(async () => {
        for await (const part of answer.body) if ((got += part.length) >= MIB) leave.abort();
      });
    });
    await repeat(20, () => assert.rejects(put("/upload", stream(broken()))));
    break;
  case "short":
    for (let i = 0; i < 3; i++) await assert.rejects(text("/abort"));
    break;
  case "events":
    await repeat(3, async () => assert.equal((await text("/events"))[1].split("\ndata: event ").length, 101));
    break;
  default:
    throw new Error(step);
}
