// Files of an answer: added, reduced where needed, stored with the draft, and drawn as a list above the text.

import { body, one } from "../common/dom.js";
import { createToken } from "../common/tokens.js";
import { getDraft } from "../composer/drafts.js";
import { answerForm, composer, composerData, isConversationOpen, showError, textField } from "../composer/elements.js";
import { fileProblem, kindOf, sizeText } from "./attachment_rules.js";
import { deleteOldFiles, loadFiles, storeFiles } from "./attachment_storage.js";
import { canReduce, reduceImage } from "./smaller_images.js";

const MAX_FILES = 10;

const limits = () => JSON.parse(composerData("limits"));
const maxBytes = (kind) => limits()[kind]?.most;
const sizeInWords = (bytes) => sizeText(bytes, document.documentElement.lang);

export function canHaveCaption({ file, asDocument }) {
  return asDocument || !composerData("withoutCaption").split(" ").includes(kindOf(file, limits()));
}

// ---- Adding and removing

// `id`: the form token of its message. `ready`: a promise while the file is being reduced. `progress`: percent while it is being sent.
function createAttachment(file, values = {}) {
  const state = { original: null, asDocument: false, isVoice: false, ready: null, progress: null };
  return { id: createToken(), file, ...state, ...values };
}

export function addFiles(files) {
  const key = composerData("key");
  const draft = getDraft();
  const problems = [];
  draft.files = draft.files.filter((each) => !each.isVoice); // a voice message has no other files
  for (const file of files) {
    const isFull = draft.files.length >= MAX_FILES;
    const problem = isFull ? composerData("tooMany") : problemOf(file);
    if (!problem) draft.files.push(createAttachment(file));
    else if (!isFull && file.size && canReduce(file)) draft.files.push(createReducedAttachment(file, key, problem));
    else problems.push(problem);
  }
  updateFiles(key);
  showError([...new Set(problems)].join(" "));
  textField().focus();
}

const problemOf = (file) => fileProblem(file, limits(), composer().dataset, document.documentElement.lang);

// The original remains, because staff may choose to send it as a document.
function createReducedAttachment(file, key, problem) {
  const attachment = createAttachment(file, { original: file });
  const useReduced = (reduced) => {
    attachment.file = reduced;
  };
  const reject = () => {
    remove(attachment, key);
    if (isConversationOpen(key)) showError(problem);
  };
  attachment.ready = reduceImage(file, maxBytes("image"))
    .then(useReduced, reject)
    .finally(() => {
      attachment.ready = null;
      updateFiles(key);
    });
  return attachment;
}

export function setVoiceMessage(file, key) {
  getDraft(key).files = [createAttachment(file, { isVoice: true })];
  updateFiles(key);
}

function remove(attachment, key) {
  getDraft(key).files = getDraft(key).files.filter((other) => other !== attachment);
}

// Must run after each change of the files of a draft.
export function updateFiles(key) {
  const complete = getDraft(key).files.filter(({ ready }) => !ready);
  storeFiles(key, complete);
  if (isConversationOpen(key) && answerForm()) drawFiles();
}

const restored = new Set(); // keys of drafts

// Adds the files that an earlier page has stored.
export async function restoreFiles(key) {
  if (restored.has(key)) return;
  restored.add(key);
  const rows = await loadFiles(key);
  if (!rows.length) return;
  const draft = getDraft(key);
  draft.files = [...rows.map((row) => createAttachment(row.file, row)), ...draft.files];
  if (isConversationOpen(key) && answerForm()) drawFiles();
}

deleteOldFiles();

// ---- Drawing

const fileUrls = [];

export function drawFiles() {
  const { files } = getDraft();
  const list = one("[data-files]");
  for (const url of fileUrls.splice(0)) URL.revokeObjectURL(url);
  list.replaceChildren(...files.map((each) => (each.isVoice ? drawVoiceMessage(each) : drawFile(each))));
  list.hidden = !files.length;
  one("[data-choose-files]").value = ""; // the same file can be chosen again
  body.dispatchEvent(new Event("hub:files"));
}

function createFileUrl(file) {
  const url = URL.createObjectURL(file);
  fileUrls.push(url);
  return url;
}

function drawVoiceMessage(attachment) {
  const row = one("[data-voice-row]").content.cloneNode(true);
  one("[data-listen]", row).src = createFileUrl(attachment.file);
  return completeRow(row, attachment);
}

function drawFile(attachment) {
  const row = one("[data-file-row]").content.cloneNode(true);
  const { asDocument, file, original, ready } = attachment;
  const sent = asDocument ? original : file;
  one("[data-file-name]", row).textContent = sent.name;
  one("[data-file-size]", row).textContent = ready ? composerData("makingSmaller") : sizeInWords(sent.size);
  one("[data-file-waiting]", row).hidden = !ready;
  if (sent.type.startsWith("image/")) {
    const image = Object.assign(new Image(), { src: createFileUrl(file), alt: "" });
    one("[data-thumbnail]", row).replaceChildren(image);
  }
  drawOriginalChoice(row, attachment);
  return completeRow(row, attachment);
}

function drawOriginalChoice(row, attachment) {
  const { asDocument, id, original, progress, ready } = attachment;
  const part = one("[data-original]", row);
  part.hidden = !original || Boolean(ready) || progress !== null || original.size > maxBytes("document");
  if (part.hidden) return;
  const text = composerData("originalAsDocument").replace("{size}", sizeInWords(original.size));
  one("[data-original-words]", part).textContent = text;
  const box = one("input", part);
  box.checked = asDocument;
  box.addEventListener("change", () => {
    attachment.asDocument = box.checked;
    updateFiles(composerData("key"));
    one(`[data-file="${id}"] [data-original] input`)?.focus();
  });
}

function completeRow(row, attachment) {
  row.firstElementChild.dataset.file = attachment.id;
  showProgress(attachment, one("[data-file-progress]", row));
  const button = one("[data-remove-file]", row);
  button.hidden = attachment.progress !== null;
  button.addEventListener("click", () => {
    remove(attachment, composerData("key"));
    updateFiles(composerData("key"));
    showError("");
    textField().focus();
  });
  return row;
}

export function showProgress({ id, progress }, bar = one(`[data-file="${id}"] [data-file-progress]`)) {
  if (!bar) return;
  bar.hidden = progress === null;
  bar.value = progress ?? 0;
}
