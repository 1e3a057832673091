import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const KEY = "draft:7:3:41";
const deletedDatabases = [];
openPage(`<body><div id="composer" data-key="${KEY}"></div></body>`, {
  indexedDB: { deleteDatabase: (name) => deletedDatabases.push(name) },
});
const { deleteDrafts } = await import("../../static/hub/common/browser_storage.js");

let loads = 0;
// Returns the module as a page that has just been loaded has it.
async function reload() {
  loads += 1;
  return import(`../../static/hub/composer/drafts.js?load=${loads}`);
}

beforeEach(() => localStorage.clear());

test("a draft survives a reload, with the token that makes a repeated request harmless", async () => {
  const { getDraft, storeDraft } = await reload();
  Object.assign(getDraft(), { text: "Bom dia", note: "VIP", token: "t-1" });
  storeDraft();

  const { text, note, token } = (await reload()).getDraft();
  assert.deepEqual({ text, note, token }, { text: "Bom dia", note: "VIP", token: "t-1" });
});

test("each conversation has a draft of its own", async () => {
  const { getDraft, storeDraft } = await reload();
  getDraft().text = "Bom dia";
  storeDraft();
  getDraft("draft:7:3:42").text = "Boa noite";

  assert.equal(getDraft().text, "Bom dia");
  assert.equal((await reload()).getDraft("draft:7:3:42").text, "", "it was not stored");
});

test("a draft without text and note is removed", async () => {
  const { getDraft, storeDraft } = await reload();
  Object.assign(getDraft(), { text: "Bom dia", token: "t-1" });
  storeDraft();
  getDraft().text = "";
  storeDraft();
  assert.equal(localStorage.getItem(KEY), null);
});

test("files and the quoted message are not stored with the text", async () => {
  const { getDraft, storeDraft } = await reload();
  Object.assign(getDraft(), { text: "Segue", files: [{ id: "f" }], quote: { id: 5 } });
  storeDraft();
  assert.deepEqual(Object.keys(JSON.parse(localStorage.getItem(KEY))), ["text", "note", "token"]);
});

test("what cannot be read is an empty draft", async () => {
  for (const stored of ["{", "null", ""]) {
    localStorage.setItem(KEY, stored);
    assert.deepEqual((await reload()).getDraft(), { text: "", note: "", token: "", files: [], quote: null });
  }
});

test("without storage a draft lasts as long as the page", async () => {
  const storage = globalThis.localStorage;
  const refuse = () => {
    throw new Error("no storage");
  };
  globalThis.localStorage = { getItem: refuse, setItem: refuse, removeItem: refuse };
  try {
    const { getDraft, storeDraft } = await reload();
    getDraft().text = "Bom dia";
    storeDraft();
    assert.equal(getDraft().text, "Bom dia");
  } finally {
    globalThis.localStorage = storage;
  }
});

test("signing out deletes texts and files of drafts, and nothing else", () => {
  localStorage.setItem(KEY, '{"text": "Bom dia"}');
  localStorage.setItem("emoji:7", '["🙂"]');
  deleteDrafts();
  assert.deepEqual(Object.keys(localStorage), ["emoji:7"]);
  assert.deepEqual(deletedDatabases, ["hub-attachments"]);
});
