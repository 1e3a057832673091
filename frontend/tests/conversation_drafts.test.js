import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const row = (contact, attributes = "") => `<li data-row="${contact}" data-draft-key="draft:7:3:${contact}">
  <a class="row" ${attributes}></a><span data-draft hidden><span data-draft-words></span></span></li>`;
const rows = `${row(1)}${row(2, 'aria-current="page"')}${row(3)}`;
openPage(`<title>Ana · Inbox · WhatsApp Hub</title><body><div data-inbox>${rows}</div></body>`);
localStorage.setItem("draft:7:3:1", JSON.stringify({ text: `  ${"a".repeat(200)}` }));
localStorage.setItem("draft:7:3:2", JSON.stringify({ text: "of the open one" }));
await import("../../static/hub/inbox/conversation_drafts.js");

const shown = () =>
  [...document.querySelectorAll("[data-draft]")].map((box) => (box.hidden ? null : box.textContent.length));

test("a row shows the beginning of its draft, unless the conversation is open", () => {
  assert.deepEqual(shown(), [120, null, null]);
});

test("a draft that another tab stores is shown", () => {
  localStorage.setItem("draft:7:3:3", JSON.stringify({ text: "Oi" }));
  dispatchEvent(Object.assign(new Event("storage"), { key: "emoji:7" }));
  assert.deepEqual(shown(), [120, null, null]);
  dispatchEvent(Object.assign(new Event("storage"), { key: "draft:7:3:3" }));
  assert.deepEqual(shown(), [120, null, 2]);
});

test("the title names no conversation once it is closed", () => {
  document.body.dispatchEvent(new Event("htmx:afterSettle"));
  assert.equal(document.title, "Inbox · WhatsApp Hub");
});
