import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const FILE_ROW = `<template data-file-row><li><span data-thumbnail></span><span data-file-name></span><span data-file-size></span>
  <span data-file-waiting></span><span data-original></span><progress data-file-progress></progress>
  <button data-remove-file></button></li></template>`;
const FORM = `<form data-answer action="/o/1/inbox/7/send/"><textarea data-text></textarea><ul data-files></ul>
  <input type="file" data-choose-files><button data-send></button><span data-sending hidden></span></form>`;
const composerOf = (key, form = FORM) => `<div id="composer" data-key="${key}" data-not-sent="Not sent."
  data-limits='{"document":{"most":5000,"types":["application/pdf"]}}' data-without-caption="audio sticker">
  ${form}${FILE_ROW}<div id="composer-error"></div></div>`;

// Stands in for htmx. Each request waits until the test answers it.
const requests = [];
const htmx = {
  ajax: (_, url, { source, values }) =>
    new Promise((resolve) => {
      const answer = async (status, responseText = "", headers = {}) => {
        const upload = new EventTarget();
        const xhr = { status, responseText, upload, getResponseHeader: (name) => headers[name] ?? null };
        source.dispatchEvent(new CustomEvent("htmx:beforeSend", { detail: { xhr } }));
        resolve();
        await settle();
      };
      requests.push({ url, values, answer });
    }),
  process: () => {},
};
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

openPage(
  `<body data-not-sent="You have no access any more."><div id="toasts"></div>
  <section data-conversation data-title="Ana"></section><main></main></body>`,
  { htmx },
);
URL.createObjectURL = () => "blob:x";
URL.revokeObjectURL = () => {};
const { sendAnswer, isSending } = await import("../../static/hub/composer/answer_sender.js");
const { getDraft } = await import("../../static/hub/composer/drafts.js");

let opened = 0;
let key;

function open(conversation, form) {
  document.querySelector("main").innerHTML = composerOf(conversation, form);
}

beforeEach(() => {
  requests.length = 0;
  document.querySelector("#toasts").replaceChildren();
  opened += 1;
  key = `draft:1:1:${opened}`;
  open(key);
  getDraft().token = "token-1";
});

function write(text) {
  document.querySelector("[data-text]").value = text;
  getDraft().text = text;
}

// Presses Enter, and waits until the request is under way.
async function send(text) {
  if (text !== undefined) write(text);
  sendAnswer();
  await settle();
}

const attach = (...names) => {
  getDraft().files = names.map((name) => ({
    id: `token of ${name}`,
    file: new File(["x"], name, { type: "application/pdf" }),
    original: null,
    asDocument: false,
    isVoice: false,
    ready: null,
    progress: null,
  }));
};
const error = () => document.querySelector("#composer-error").textContent;
const sent = () => requests.map(({ values }) => values.text || values.file_name);

test("Enter pressed twice sends one message", async () => {
  write("Bom dia");
  const done = sendAnswer();
  await send();
  assert.equal(requests.length, 1);
  assert.ok(isSending(key));
  assert.ok(document.querySelector("[data-send]").disabled);
  await requests[0].answer(204);
  await done;
  assert.deepEqual(sent(), ["Bom dia"]);
  assert.ok(!isSending(key));
  assert.ok(!document.querySelector("[data-send]").disabled);
  assert.equal(getDraft().text, "");
});

test("what is written meanwhile stays, and is sent if Enter was pressed again", async () => {
  await send("Um");
  write("UmDois");
  sendAnswer();
  document.body.addEventListener("hub:draft", () => write(getDraft().text), { once: true }); // as the text field does
  await requests[0].answer(204);
  assert.deepEqual(sent(), ["Um", "Dois"]);
  assert.notEqual(requests[1].values.token, requests[0].values.token);
  await requests[1].answer(204);
});

test("a message that may have arrived is sent again with the same token", async () => {
  await send("Bom dia");
  await requests[0].answer(0);
  assert.equal(error(), "Not sent.");
  assert.equal(getDraft().text, "Bom dia");
  await send();
  assert.equal(error(), "");
  assert.deepEqual(requests[1].values, requests[0].values);
  await requests[1].answer(503);
  assert.equal(getDraft().token, "token-1");
});

test("without access, the reason is another one", async () => {
  await send("Bom dia");
  await requests[0].answer(403);
  assert.equal(error(), "You have no access any more.");
});

test("a refusal of the hub is shown, and a spent token is replaced", async () => {
  await send("Bom dia");
  await requests[0].answer(422, "Too long.");
  assert.equal(error(), "Too long.");
  assert.equal(document.querySelector("[data-text]").getAttribute("aria-invalid"), "true");
  assert.equal(getDraft().token, "token-1");
  await send();
  await requests[1].answer(422, "<p data-spent>Sent already.</p>");
  assert.notEqual(getDraft().token, "token-1");
});

test("when only templates may be sent any more, the composer says so and the text stays", async () => {
  await send("Bom dia");
  await requests[0].answer(422, composerOf(key, "<p>Templates only.</p>"), { "HX-Retarget": "#composer" });
  assert.match(document.querySelector("#composer").textContent, /Templates only/);
  assert.equal(getDraft().text, "Bom dia");
});

test("the page warns before it is left while a message is on its way", async () => {
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  };
  write("Bom dia");
  assert.ok(!leave());
  await send();
  assert.ok(leave());
  await requests[0].answer(204);
  assert.ok(!leave());
});

test("after an error in a script the answer can be sent again", async () => {
  write("Bom dia");
  attach("um.pdf");
  document.querySelector("#composer").dataset.limits = "no JSON";
  await assert.rejects(sendAnswer());
  assert.ok(!isSending(key));
  assert.ok(!document.querySelector("[data-send]").disabled);
  assert.equal(getDraft().text, "Bom dia");
});

test("files are messages in order, each with its own token, and end at the first that fails", async () => {
  write("Segue o pedido");
  attach("um.pdf", "dois.pdf", "tres.pdf");
  await send();
  assert.deepEqual(
    [requests[0].values.token, requests[0].values.text, requests[0].values.file_name],
    ["token of um.pdf", "Segue o pedido", "um.pdf"],
  );
  await requests[0].answer(204);
  assert.deepEqual([requests[1].values.token, requests[1].values.text], ["token of dois.pdf", ""]);
  await requests[1].answer(0);
  assert.equal(requests.length, 2);
  assert.deepEqual(
    getDraft().files.map(({ id, progress }) => [id, progress]),
    [
      ["token of dois.pdf", null],
      ["token of tres.pdf", null],
    ],
  );
  assert.equal(error(), "Not sent.");
});

test("a quote belongs to the first message only", async () => {
  attach("um.pdf", "dois.pdf");
  getDraft().quote = { id: "12" };
  await send();
  await requests[0].answer(204);
  assert.deepEqual(
    requests.map(({ values }) => values.quoted),
    ["12", ""],
  );
  await requests[1].answer(204);
});

test("sending goes on in a conversation that was left, and its failure is a toast", async () => {
  await send("Bom dia");
  const left = key;
  open("draft:1:1:another");
  await requests[0].answer(500);
  assert.equal(error(), "");
  assert.match(document.querySelector("#toasts").textContent, /Ana: Not sent\./);
  assert.equal(getDraft(left).text, "Bom dia");
  assert.equal(getDraft().text, "");
});
