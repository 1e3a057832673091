import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoneShortcut, splitAnswer } from "../../static/hub/composer/message_parts.js";

const photo = { id: "p", hasCaption: true };
const voice = { id: "v", hasCaption: false };
const split = (files, text, quote = null) =>
  splitAnswer({ files, token: "t", quote }, text, ({ hasCaption }) => hasCaption).map((part) => [
    part.token,
    part.text,
    part.quoted,
  ]);

test("text alone is one message", () => {
  assert.deepEqual(split([], "Oi"), [["t", "Oi", ""]]);
});

test("the text is the caption of the first file that can have one", () => {
  const expected = [
    ["v", "", ""],
    ["p", "Oi", ""],
    ["p2", "", ""],
  ];
  assert.deepEqual(split([voice, photo, { ...photo, id: "p2" }], "Oi"), expected);
});

test("without such a file the text is the last message", () => {
  assert.deepEqual(split([voice], "Oi"), [
    ["v", "", ""],
    ["t", "Oi", ""],
  ]);
});

test("blank text adds no message to files", () => {
  assert.deepEqual(split([voice], "  \n"), [["v", "", ""]]);
});

test("only the first message quotes", () => {
  assert.deepEqual(split([voice], "Oi", { id: "9" }), [
    ["v", "", "9"],
    ["t", "Oi", ""],
  ]);
});

test("only a word that begins with a slash is a shortcut", () => {
  assert.deepEqual(["/", " /oi\n"].map(isLoneShortcut), [true, true]);
  assert.deepEqual(["", "oi", "/oi, tudo bem?", "1/2"].map(isLoneShortcut), [false, false, false, false]);
});
