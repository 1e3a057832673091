import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const rows = [1, 2, 3]
  .map((number) => `<li data-row><a class="row" href="#${number}" id="row-${number}"></a></li>`)
  .join("");
openPage(
  `<body data-shortcuts><ul data-list>${rows}</ul><input type="search" data-search><textarea></textarea>
  <button data-mark-done></button><button data-mark-unread></button><button id="tab-answer"></button><button id="tab-note"></button>
  <div data-inbound><button data-reply id="first"></button></div><div data-inbound><button data-reply id="last"></button></div>
  <input type="checkbox"></body>`,
  { innerWidth: 1440 },
);
document.defaultView.Element.prototype.scrollIntoView = () => {};
await import("../../static/hub/pages/shortcuts.js");

const clicked = [];
document.addEventListener("click", ({ target }) => clicked.push(target.id || Object.keys(target.dataset)[0]));

// Returns whether the key was used.
function press(key, { on = document.body, ...options } = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
  on.dispatchEvent(event);
  return event.defaultPrevented;
}
const focused = () => document.activeElement.id;

beforeEach(() => {
  clicked.length = 0;
  document.activeElement.blur();
  for (const row of document.querySelectorAll(".row")) row.removeAttribute("aria-current");
  document.querySelector("dialog")?.remove();
  document.body.setAttribute("data-shortcuts", "");
});

test("j and k go through the list and stop at its ends", () => {
  const seen = ["j", "j", "j", "j", "k", "k", "k"].map(
    (key) => press(key, { on: document.activeElement }) && focused(),
  );
  assert.deepEqual(seen, ["row-1", "row-2", "row-3", "row-3", "row-2", "row-1", "row-1"]);
});

test("they begin beside the open conversation", () => {
  document.querySelector("#row-2").setAttribute("aria-current", "page");
  press("j");
  assert.equal(focused(), "row-3");
});

test("keys act on the conversation", () => {
  for (const key of ["e", "u", "c", "n", "r", "R"]) assert.ok(press(key), key);
  assert.deepEqual(clicked, ["markDone", "markUnread", "tab-answer", "tab-note", "last", "last"]);
});

test("a slash goes to the search", () => {
  press("/");
  assert.ok(document.activeElement.matches("[data-search]"));
});

test("who types gets letters, and Escape leaves the field", () => {
  const field = document.querySelector("textarea");
  field.focus();
  assert.ok(!press("e", { on: field }));
  assert.deepEqual(clicked, []);
  press("Escape", { on: field });
  assert.notEqual(document.activeElement, field);
  assert.ok(press("e", { on: document.querySelector("[type=checkbox]") }));
});

test("combinations belong to the browser", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) assert.ok(!press("r", { [modifier]: true }), modifier);
  assert.deepEqual(clicked, []);
});

test("in a dialog, and where the user switched them off, keys do nothing", () => {
  document.body.removeAttribute("data-shortcuts");
  assert.ok(!press("e"));
  document.body.setAttribute("data-shortcuts", "");
  document.body.insertAdjacentHTML("beforeend", "<dialog open></dialog>");
  assert.ok(!press("e"));
  assert.deepEqual(clicked, []);
});

test("Escape goes back to the open conversation in the list, or on a phone to the list", () => {
  document.querySelector("#row-2").setAttribute("aria-current", "page");
  press("Escape");
  assert.equal(focused(), "row-2");
  document.body.insertAdjacentHTML("beforeend", "<a data-back></a>");
  globalThis.innerWidth = 390;
  press("Escape");
  globalThis.innerWidth = 1440;
  assert.deepEqual(clicked, ["back"]);
});
