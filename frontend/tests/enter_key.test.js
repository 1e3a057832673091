import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.matchMedia = () => ({ matches: false }); // a touch screen
const { doesEnterSend, hasKeyboard, noteKey } = await import("../../static/hub/composer/enter_key.js");

test("on a touch screen Enter starts a new line, unless the user wants it to send", () => {
  assert.equal(doesEnterSend({}, ""), false);
  assert.equal(doesEnterSend({}, "sends"), true);
  assert.equal(doesEnterSend({ shiftKey: true }, "sends"), false);
});

test("with Ctrl or Cmd, Enter always sends", () => {
  assert.equal(doesEnterSend({ ctrlKey: true }, "new_line"), true);
  assert.equal(doesEnterSend({ metaKey: true, shiftKey: true }, ""), true);
});

test("a key that only a real keyboard has makes Enter send", () => {
  noteKey({ isTrusted: true, key: "a" });
  noteKey({ isTrusted: false, key: "Tab" });
  assert.equal(hasKeyboard(), false);
  noteKey({ isTrusted: true, key: "Tab" });
  assert.equal(hasKeyboard(), true);
  assert.equal(doesEnterSend({}, ""), true);
  assert.equal(doesEnterSend({}, "new_line"), false);
});
