// What both clients of Node's need.
export { strict as assert } from "node:assert";

export const MIB = 1 << 20;

const line = (number) => String(number).padStart(15, "0") + "\n";

export function lines(length) {
  return Buffer.from(Array.from({ length: length / 16 }, (_, number) => line(number)).join(""));
}

export async function* inParts(content) {
  for (let at = 0; at < content.length; at += 65536) yield content.subarray(at, at + 65536);
}

// Content that fails after a MiB.
export async function* broken() {
  yield* inParts(lines(MIB));
  throw new Error("given up");
}

// Does it so many times, four at a time.
export async function repeat(times, action) {
  for (let done = 0; done < times; done += 4) {
    await Promise.all(Array.from({ length: Math.min(4, times - done) }, action));
  }
}

// The length of numbered lines, of which the last must be what it has to be.
export async function total(parts) {
  let length = 0;
  let last = Buffer.alloc(0);
  for await (const part of parts) {
    length += part.length;
    last = Buffer.concat([last, part.subarray(-16)]).subarray(-16);
  }
  if (last.toString() !== line(length / 16 - 1)) throw new Error(`the last line is ${last}`);
  return length;
}
