import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const window = openPage(`
  <form id="name" data-unsaved="Not saved"><input name="name"><select name="contact"></select><p data-unsaved-sign></p></form>
  <form id="other" data-unsaved="Not saved"><input name="count"></form>
  <form id="search"><input name="q"></form>`);
await import("../../static/hub/pages/unsaved_forms.js");

const element = (id) => document.getElementById(id);
const fire = (target, name) => target.dispatchEvent(new window.Event(name, { bubbles: true, cancelable: true }));
const change = (name) => fire(document.querySelector(`[name=${name}]`), "input");
const asks = () => !fire(window, "beforeunload");

test("leaving asks only while something is not saved", () => {
  change("q");
  change("contact");
  assert.equal(asks(), false);
  assert.equal(element("name").textContent, "");
  change("name");
  assert.equal(asks(), true);
  assert.equal(element("name").textContent, "Not saved");
  fire(element("name"), "submit");
  assert.equal(asks(), false);
});

test("saving one form asks if another one is not saved", () => {
  change("name");
  fire(element("search"), "submit");
  assert.equal(asks(), true);
  change("count");
  fire(element("name"), "submit");
  assert.equal(asks(), true);
  fire(element("other"), "submit");
  assert.equal(asks(), true, "the form whose saving was stopped is not saved");
});

test("a form that is no longer on the page has nothing to lose", () => {
  element("other").remove();
  element("name").remove();
  assert.equal(asks(), false);
});
