import assert from "node:assert/strict";
import { test } from "node:test";
import { installMorphGuards } from "../../static/hub/pages/morph_guards.js";
import { openPage } from "./page.js";

openPage(`<body>
  <textarea id="area">old</textarea><input id="search" value=""><input id="token" type="hidden" value="1">
  <input id="box" type="checkbox"><p id="text">words</p><div id="choice" data-choice></div>
  <details id="details"></details><a id="row" class="row"></a><a id="link"></a>
  <span id="window" data-until="1"></span><p id="target" class="message-target"></p>
</body>`);
const idiomorph = { defaults: { callbacks: {} } };
installMorphGuards(idiomorph);
const { beforeNodeMorphed, beforeAttributeUpdated } = idiomorph.defaults.callbacks;
const element = (id) => document.getElementById(id);

test("a field that nobody has touched is updated", () => {
  for (const id of ["area", "search", "text", "box"]) assert.equal(beforeNodeMorphed(element(id)), true, id);
});

test("typed text stays", () => {
  element("area").value = "new";
  assert.equal(beforeNodeMorphed(element("area")), false);
  element("area").value = "old";
  assert.equal(beforeNodeMorphed(element("area")), true);
});

test("the field with the focus stays", () => {
  element("search").focus();
  assert.equal(beforeNodeMorphed(element("search")), false);
  element("search").blur();
  assert.equal(beforeNodeMorphed(element("search")), true);
});

test("hidden fields and check boxes are the server's", () => {
  element("token").value = "2";
  element("box").checked = true;
  assert.deepEqual(
    ["token", "box"].map((id) => beforeNodeMorphed(element(id))),
    [true, true],
  );
});

test("a part that did not change comes without its content and stays", () => {
  const part = document.createElement("li");
  part.setAttribute("data-unchanged", "");
  assert.equal(beforeNodeMorphed(element("text"), part), false);
  assert.equal(beforeNodeMorphed(element("text"), document.createElement("p")), true);
});

test("a marked choice stays", () => {
  assert.equal(beforeNodeMorphed(element("choice")), false);
});

test("text nodes are updated", () => {
  assert.equal(beforeNodeMorphed(element("text").firstChild), true);
});

test("attributes of the browser stay on their elements only", () => {
  const kept = [
    ["open", "details"],
    ["aria-current", "row"],
    ["data-state", "window"],
    ["class", "target"],
  ];
  for (const [name, id] of kept) {
    assert.equal(beforeAttributeUpdated(name, element(id)), false, name);
    assert.equal(beforeAttributeUpdated(name, element("link")), true, name);
  }
  assert.equal(beforeAttributeUpdated("href", element("row")), true);
});
