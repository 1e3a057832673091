import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const intervals = []; // [function, milliseconds]
globalThis.setInterval = (...call) => intervals.push(call);
const NOW = Date.now();
openPage(`<body data-now="agora" data-ago="há {time}">
  <time data-ago datetime="${new Date(NOW - 5 * 60_000).toISOString()}">old</time>
  <time data-ago datetime="${new Date(NOW - 8 * 86_400_000).toISOString()}">a date</time>
  <div data-until="${NOW + 2 * 3_600_000 + 30_000}" data-closed="fechada"><span data-left></span></div>
</body>`);
const { elapsedText, remainingText, windowState } = await import("../../static/hub/pages/times.js");

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("how long ago", () => {
  const texts = { now: "agora", ago: "há {time}" };
  const cases = [
    [-MINUTE, "agora"], // the clocks differ
    [MINUTE - 1, "agora"],
    [MINUTE, "há 1 min"],
    [HOUR - 1, "há 59 min"],
    [HOUR, "há 1 h"],
    [DAY, "há 1 d"],
    [7 * DAY - 1, "há 6 d"],
    [7 * DAY, null],
  ];
  for (const [passed, text] of cases) assert.equal(elapsedText(passed, texts), text);
});

test("how long the window stays open", () => {
  const cases = [
    [-1, "fechada", "closed"],
    [0, "fechada", "closed"],
    [1, "0 min", "closing"],
    [59 * MINUTE, "59 min", "closing"],
    [3 * HOUR, "3 h 00 min", "closing"],
    [3 * HOUR + 5 * MINUTE, "3 h 05 min", "open"],
  ];
  for (const [left, text, state] of cases) {
    assert.deepEqual([remainingText(left, "fechada"), windowState(left)], [text, state]);
  }
});

test("the page is right at once, and the composer learns of it", () => {
  const times = [...document.querySelectorAll("time")].map((time) => time.textContent);
  assert.deepEqual(times, ["há 5 min", "a date"]);
  const box = document.querySelector("[data-until]");
  assert.deepEqual([box.dataset.state, box.textContent], ["closing", "2 h 00 min"]);

  let updates = 0;
  document.body.addEventListener("hub:times", () => {
    updates += 1;
  });
  const [[update, milliseconds]] = intervals;
  update();
  assert.equal(updates, 1);
  assert.ok(milliseconds <= 60_000, "the texts have minutes");
});
