import assert from "node:assert/strict";
import { test } from "node:test";
import { fileProblem, kindOf, sizeText } from "../../static/hub/attachments/attachment_rules.js";

const LIMITS = {
  image: { types: ["image/jpeg", "image/png"], most: 5 * 2 ** 20 },
  audio: { types: ["audio/ogg"], most: 16 * 2 ** 20 },
};
const TEXTS = { emptyFile: "{name} is empty", wrongType: "{name}: no such type", tooBig: "{name}: {size} of {most}" };
const problem = (type, size) => fileProblem({ name: "a.bin", type, size }, LIMITS, TEXTS, "pt-BR");

test("the kind follows from the type without its parameters", () => {
  assert.equal(kindOf({ type: "audio/ogg; codecs=opus" }, LIMITS), "audio");
  assert.equal(kindOf({ type: "text/html" }, LIMITS), undefined);
});

test("sizes are in KB below one MB, and in MB with one decimal", () => {
  const sizes = [1, 1536, 2 ** 20 - 1, 2 ** 20, 5.26 * 2 ** 20];
  assert.deepEqual(
    sizes.map((size) => sizeText(size, "pt-BR")),
    ["1 KB", "2 KB", "1024 KB", "1 MB", "5,3 MB"],
  );
});

test("a file is refused if it is empty, of another type or too large", () => {
  assert.equal(problem("image/png", 0), "a.bin is empty");
  assert.equal(problem("text/html", 10), "a.bin: no such type");
  assert.equal(problem("image/png", 5 * 2 ** 20), "");
  assert.equal(problem("image/png", 5 * 2 ** 20 + 2 ** 18), "a.bin: 5,3 MB of 5 MB");
});

test("a file without a type is left to the server", () => {
  assert.equal(problem("", 10), "");
});
