import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const requested = [];
const htmx = { trigger: (element, name) => requested.push(`${element.id} ${name}`) };
openPage("<body><main></main></body>", { htmx });
let now = Date.parse("2026-11-25T12:00:00Z");
Date.now = () => now;
await import("../../static/hub/composer/window_check.js");

const one = (selector) => document.querySelector(selector);

// `mode`: of the window, `shown`: of the composer, `left`: seconds until the window closes.
function show({ mode = "free", shown = mode, left = 3600, parts = "" } = {}) {
  one("main").innerHTML = `<div id="window-bar" data-mode="${mode}" data-until="${Date.now() + left * 1000}"></div>
    <div id="composer" data-composer="${shown}">${parts}</div>`;
}

function check() {
  requested.length = 0;
  document.body.dispatchEvent(new Event("hub:times"));
  return requested;
}

beforeEach(() => {
  now += 60_000;
});

test("an open window is left alone", () => {
  show();
  assert.deepEqual(check(), []);
});

test("in its last minute the server is asked, every ten seconds", () => {
  show({ left: 59 });
  assert.deepEqual(check(), ["window-bar hub:refresh"]);
  assert.deepEqual(check(), []);
  now += 10_001;
  assert.deepEqual(check(), ["window-bar hub:refresh"]);
});

test("a window that ended while the computer slept is asked about at once", () => {
  show({ left: -8 * 3600 });
  assert.deepEqual(check(), ["window-bar hub:refresh"]);
});

test("a composer of another mode is replaced", () => {
  show({ mode: "template", shown: "free" });
  assert.deepEqual(check(), ["composer hub:compose"]);
});

test("it is not replaced while a message is being sent", () => {
  show({ mode: "template", shown: "free", parts: "<button data-send disabled></button>" });
  assert.deepEqual(check(), []);
});

test("a template that is being filled in stays, and says that the window has opened", () => {
  const form = `<div id="panel-template"><form enctype="multipart/form-data"></form></div><p data-window-opened class="hidden"></p>`;
  show({ mode: "free", shown: "template", parts: form });
  assert.deepEqual(check(), []);
  assert.equal(one("[data-window-opened]").className, "flex");
});

test("pages without a conversation have nothing to check", () => {
  one("main").innerHTML = "";
  assert.deepEqual(check(), []);
});
