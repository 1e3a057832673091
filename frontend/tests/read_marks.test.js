import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const requests = []; // [URL, up_to]
let statuses = []; // of the next responses; 0 is no response
openPage('<head><meta name="csrf-token" content="c"></head><body></body>', {
  fetch: async (url, { body }) => {
    requests.push([url, Number(body.get("up_to"))]);
    const status = statuses.shift() ?? 204;
    if (status === 0) throw new TypeError("no connection");
    return { status };
  },
});
const { markRead } = await import("../../static/hub/inbox/read_marks.js");

const delays = []; // milliseconds; none of them is waited for
globalThis.setTimeout = (act, milliseconds) => {
  delays.push(milliseconds);
  queueMicrotask(act);
};

beforeEach(() => {
  requests.length = 0;
  delays.length = 0;
  statuses = [];
});

test("a mark is sent once, and never back", async () => {
  for (const upTo of [5, 5, 4]) await markRead("/a/", upTo);
  await markRead("/a/", 6);
  assert.deepEqual(requests, [
    ["/a/", 5],
    ["/a/", 6],
  ]);
});

test("a repeated mark is sent again", async () => {
  await markRead("/b/", 5);
  await markRead("/b/", 5, { isRepeated: true });
  assert.deepEqual(requests, [
    ["/b/", 5],
    ["/b/", 5],
  ]);
});

test("what was read during a request is sent after it, in one request", async () => {
  const first = markRead("/c/", 1);
  markRead("/c/", 2);
  markRead("/c/", 3);
  await first;
  assert.deepEqual(requests, [
    ["/c/", 1],
    ["/c/", 3],
  ]);
});

test("without a connection it is sent again after a delay that grows", async () => {
  statuses = [0, 503, 429];
  await markRead("/d/", 1);
  assert.equal(requests.length, 4);
  const isNear = (seconds, index) => Math.abs(delays[index] / 1000 - seconds) <= seconds / 4;
  assert.equal(delays.length, 3);
  assert.ok([2, 4, 8].every(isNear), String(delays));
});

test("a refused mark is not sent again", async () => {
  statuses = [404];
  await markRead("/e/", 1);
  assert.deepEqual([requests.length, delays.length], [1, 0]);
});
