import assert from "node:assert/strict";
import { test } from "node:test";
import { retryDelay } from "../../static/hub/live/retry_delays.js";
import { StreamParser } from "../../static/hub/live/stream_parser.js";

const bytes = (text) => new TextEncoder().encode(text);

test("an event is complete at its empty line, wherever the pieces end", () => {
  const parser = new StreamParser();
  const stream = ": hello\n\ndata: 41\n\nevent: closed\ndata: 42\n\n";
  const events = [...stream].flatMap((character) => parser.add(bytes(character)));
  const expected = [
    { isEnd: false, revision: null },
    { isEnd: false, revision: 41 },
    { isEnd: true, revision: 42 },
  ];
  assert.deepEqual(events, expected);
  assert.deepEqual(new StreamParser().add(bytes(stream)), expected);
});

test("the first attempt is quick, later ones are slower up to a limit", () => {
  const delays = [1, 2, 3, 4, 5, 6, 60].map((failures) => retryDelay({ failures, isReachable: true, isHidden: false }));
  assert.deepEqual(delays, [3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]);
});

test("a page that is not visible makes fewer requests", () => {
  assert.equal(retryDelay({ failures: 1, isReachable: true, isHidden: true }), 3_000);
  assert.equal(retryDelay({ failures: 2, isReachable: true, isHidden: true }), 120_000);
  assert.equal(retryDelay({ failures: 9, isReachable: false, isHidden: true }), 30_000);
});

test("without a connection the delay does not grow", () => {
  assert.equal(retryDelay({ failures: 9, isReachable: false, isHidden: false }), 3_000);
});
