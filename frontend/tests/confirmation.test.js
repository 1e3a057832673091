import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const window = openPage(`
  <form id="delete" data-confirm="Delete Ana?"><button id="press">Delete</button></form>
  <form id="save"><button id="save-press">Save</button></form>
  <div id="toasts"></div>
  <dialog id="confirm"><p data-question data-changed="This has changed."></p><button data-verb="Continue"></button></dialog>`);
const element = (id) => document.getElementById(id);
const dialog = element("confirm");
let isOpen = false;
dialog.showModal = () => {
  isOpen = true;
}; // jsdom has no dialogs
const sent = [];
await import("../../static/hub/pages/confirmation.js");
document.addEventListener("submit", (event) => {
  event.preventDefault(); // jsdom sends no forms
  sent.push(event.target.id);
});

function press(id) {
  sent.length = 0;
  isOpen = false;
  element(id).click();
}

function answer(value) {
  dialog.returnValue = value;
  dialog.dispatchEvent(new window.Event("close"));
}

test("a form without a question is sent at once", () => {
  press("save-press");
  assert.deepEqual(sent, ["save"]);
  assert.equal(isOpen, false);
});

test("a form is sent once its question is answered with yes", () => {
  press("press");
  assert.ok(isOpen);
  assert.deepEqual(sent, []);
  assert.equal(document.querySelector("[data-question]").textContent, "Delete Ana?");
  assert.equal(document.querySelector("[data-verb]").textContent, "Delete");
  answer("yes");
  assert.deepEqual(sent, ["delete"]);
});

test("a form is not sent if the question is answered with no", () => {
  press("press");
  answer("");
  assert.deepEqual(sent, []);
});

test("the question is asked each time", () => {
  press("press");
  answer("yes");
  press("press");
  assert.ok(isOpen);
  assert.deepEqual(sent, []);
  answer("");
});

test("a form that asks something else meanwhile is not sent", () => {
  press("press");
  element("delete").dataset.confirm = "Delete Bia?";
  answer("yes");
  assert.deepEqual(sent, []);
  assert.equal(element("toasts").textContent, "This has changed.");
});

test("a form that has left the page is not sent", () => {
  press("press");
  element("delete").remove();
  element("toasts").replaceChildren();
  answer("yes");
  assert.deepEqual(sent, []);
  assert.equal(element("toasts").textContent, "This has changed.");
});
