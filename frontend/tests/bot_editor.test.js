import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage(`<body>
  <form id="form" data-step-form>
    <input type="hidden" name="step_id" value="s1">
    <textarea id="text" name="message.text">old</textarea><input id="title" name="title" value="Menu" data-limit="5">
    <select id="target" name="next" data-commits><option value="">-</option><option value="new:send">+</option></select>
    <select id="plain" name="method"><option>GET</option></select>
  </form>
  <span id="counter"></span>
</body>`);
const { markAsSaved, snapshotOf, unsavedForms } = await import("../../static/hub/bot_editor/unsaved_fields.js");
const { lengthOf, updateCounter } = await import("../../static/hub/bot_editor/counters.js");
const { mustWait, waitingForms, watchChoices } = await import("../../static/hub/bot_editor/keyboard_selects.js");
const { fitScale, nextScale } = await import("../../static/hub/bot_editor/zoom.js");
const element = (id) => document.getElementById(id);
const press = (key, target) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

test("a form is unsaved until what was typed has been sent", () => {
  assert.equal(unsavedForms().length, 0);
  element("text").value = "new";
  assert.deepEqual(unsavedForms(), [element("form")]);
  markAsSaved(snapshotOf(element("form")));
  assert.equal(unsavedForms().length, 0);
  assert.equal(element("text").value, "new");
});

test("what is typed after sending is still unsaved", () => {
  element("text").value = "sent";
  const snapshot = snapshotOf(element("form"));
  element("text").value = "sent, and more";
  markAsSaved(snapshot);
  assert.equal(element("text").defaultValue, "sent");
  assert.deepEqual(unsavedForms(), [element("form")]);
});

test("a field that was never touched keeps its value", () => {
  const snapshot = [[element("title"), "Sent"]];
  markAsSaved(snapshot);
  assert.equal(element("title").value, "Menu");
  assert.equal(element("title").defaultValue, "Sent");
});

test("a counter counts characters and marks a text that is too long", () => {
  assert.equal(lengthOf("aé👍"), 3);
  element("title").value = "👍👍👍👍👍";
  updateCounter(element("title"), element("counter"));
  assert.equal(element("counter").textContent, "5/5");
  assert.equal(element("counter").classList.contains("bot-counter-over"), false);
  element("title").value += "!";
  updateCounter(element("title"), element("counter"));
  assert.equal(element("counter").classList.contains("bot-counter-over"), true);
});

test("a choice made with keys counts at Enter, or when the focus leaves", () => {
  const chosen = [];
  watchChoices((select) => chosen.push(select.id));
  press("ArrowDown", element("target"));
  assert.equal(mustWait(element("target")), true);
  assert.deepEqual(waitingForms(), [element("form")]);
  press("Enter", element("target"));
  assert.deepEqual(chosen, ["target"]);
  press("ArrowDown", element("target"));
  assert.equal(mustWait(element("target")), true);
  element("target").dispatchEvent(new Event("focusout", { bubbles: true }));
  assert.deepEqual(chosen, ["target", "target"]);
  assert.deepEqual(waitingForms(), []);
});

test("a choice made with the mouse, or without consequences, counts at once", () => {
  press("ArrowDown", element("plain"));
  assert.equal(mustWait(element("plain")), false);
  element("target").dispatchEvent(new Event("pointerdown", { bubbles: true }));
  assert.equal(mustWait(element("target")), false);
});

test("the diagram zooms in steps, and stops at the ends", () => {
  assert.equal(nextScale(1, 1), 1.25);
  assert.equal(nextScale(0.73, -1), 0.65);
  assert.equal(nextScale(2, 1), 2);
  assert.equal(nextScale(0.1, -1), 0.1);
});

test("the diagram fits into its box, and is never enlarged", () => {
  assert.equal(fitScale({ width: 1000, height: 500 }, { width: 500, height: 500 }), 0.5);
  assert.equal(fitScale({ width: 100, height: 100 }, { width: 500, height: 500 }), 1);
  assert.equal(fitScale({ width: 5000, height: 500 }, { width: 500, height: 500 }, 0.7), 0.7);
});
