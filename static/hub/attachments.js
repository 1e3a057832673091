// Files of an answer: chosen, pasted, or dropped anywhere on the page; looked at, made smaller where that is needed, and shown.

import { body, one, tell } from "./dom.js";
import { draft, field, form, freshToken, isOpen, refuse, words } from "./drafts.js";
import { madeSmaller, mayBeMadeSmaller } from "./pictures.js";
import { forgetOldFiles, keepFiles, keptFiles } from "./stored_files.js";

const MOST_FILES = 10;

// ---- What WhatsApp takes ------------------------------------------------------------------------------------------------------------------

const limits = () => Object.entries(JSON.parse(words("limits")));

function kindOf(file) {
  const type = file.type.split(";")[0];
  return limits().find(([, limit]) => limit.types.includes(type))?.[0];
}

const mostOf = (kind) => JSON.parse(words("limits"))[kind]?.most;

export function takesCaption({ file, asDocument }) {
  return asDocument || !words("withoutCaption").split(" ").includes(kindOf(file));
}

function inWords(size) {
  return size >= 2 ** 20 ? `${(Math.round((10 * size) / 2 ** 20) / 10).toLocaleString(document.documentElement.lang)} MB` : `${Math.max(1, Math.round(size / 2 ** 10))} KB`;
}

function wrongWith(file) { // a first look; the server looks into the file
  const kind = kindOf(file);
  const name = (text) => text.replace("{name}", file.name);
  if (!file.size) return name(words("emptyFile"));
  if (file.type && !kind) return name(words("wrongType"));
  const most = kind && mostOf(kind);
  return most && file.size > most ? name(words("tooBig")).replace("{size}", inWords(file.size)).replace("{most}", inWords(most)) : "";
}

// ---- Adding and removing ----------------------------------------------------------------------------------------------------------------------

const item = (file, more = {}) => ({ id: freshToken(), file, original: null, asDocument: false, isVoice: false, ready: null, progress: null, ...more });

export function addFiles(files) {
  const key = words("key");
  const mine = draft();
  const wrong = [];
  mine.files = mine.files.filter((each) => !each.isVoice); // a voice message goes alone
  for (const file of files) {
    const problem = mine.files.length >= MOST_FILES ? words("tooMany") : wrongWith(file);
    if (!problem) mine.files.push(item(file));
    else if (mine.files.length < MOST_FILES && file.size && mayBeMadeSmaller(file)) mine.files.push(smallerItem(file, key, problem));
    else wrong.push(problem);
  }
  changed(key);
  refuse([...new Set(wrong)].join(" "));
  field().focus();
}

function smallerItem(file, key, problem) { // the original stays at hand, for whoever wants to send it as a document
  const made = item(file, { original: file });
  made.ready = madeSmaller(file, mostOf("image")).then((smaller) => { made.file = smaller; }, () => {
    remove(made, key);
    if (isOpen(key)) refuse(problem);
  }).finally(() => {
    made.ready = null;
    changed(key);
  });
  return made;
}

export function setVoice(file, key) {
  draft(key).files = [item(file, { isVoice: true })];
  changed(key);
}

function remove(each, key) {
  draft(key).files = draft(key).files.filter((other) => other !== each);
}

export function changed(key) {
  keepFiles(key, draft(key).files.filter(({ ready }) => !ready));
  if (isOpen(key) && form()) drawFiles();
}

const restored = new Set();

export async function restoreFiles(key) { // of an earlier page
  if (restored.has(key)) return;
  restored.add(key);
  const rows = await keptFiles(key);
  if (!rows.length) return;
  const mine = draft(key);
  mine.files = [...rows.map((row) => item(row.file, row)), ...mine.files];
  if (isOpen(key) && form()) drawFiles();
}

forgetOldFiles();

// ---- Showing ------------------------------------------------------------------------------------------------------------------------------------

const addresses = [];

export function drawFiles() {
  const { files } = draft();
  const list = one("[data-files]");
  addresses.splice(0).forEach((address) => URL.revokeObjectURL(address));
  list.replaceChildren(...files.map((each) => (each.isVoice ? voiceRow(each) : fileRow(each))));
  list.hidden = !files.length;
  one("[data-choose-files]").value = ""; // so that the same file may be chosen again
  body.dispatchEvent(new Event("hub:files"));
}

function addressOf(file) {
  const address = URL.createObjectURL(file);
  addresses.push(address);
  return address;
}

function voiceRow(each) {
  const row = one("[data-voice-row]").content.cloneNode(true);
  one("[data-listen]", row).src = addressOf(each.file);
  return completed(row, each);
}

function fileRow(each) {
  const row = one("[data-file-row]").content.cloneNode(true);
  const sent = each.asDocument ? each.original : each.file;
  one("[data-file-name]", row).textContent = sent.name;
  one("[data-file-size]", row).textContent = each.ready ? words("makingSmaller") : inWords(sent.size);
  one("[data-file-waiting]", row).hidden = !each.ready;
  if (sent.type.startsWith("image/")) one("[data-thumbnail]", row).replaceChildren(Object.assign(new Image(), { src: addressOf(each.file), alt: "" }));
  offerOriginal(row, each);
  return completed(row, each);
}

function offerOriginal(row, each) {
  const part = one("[data-original]", row);
  part.hidden = !each.original || Boolean(each.ready) || each.progress !== null || each.original.size > mostOf("document");
  if (part.hidden) return;
  one("[data-original-words]", part).textContent = words("originalAsDocument").replace("{size}", inWords(each.original.size));
  const box = one("input", part);
  box.checked = each.asDocument;
  box.addEventListener("change", () => {
    each.asDocument = box.checked;
    changed(words("key"));
    one(`[data-file="${each.id}"] [data-original] input`)?.focus();
  });
}

function completed(row, each) {
  row.firstElementChild.dataset.file = each.id;
  showProgress(each, one("[data-file-progress]", row));
  const button = one("[data-remove-file]", row);
  button.hidden = each.progress !== null;
  button.addEventListener("click", () => {
    remove(each, words("key"));
    changed(words("key"));
    refuse("");
    field().focus();
  });
  return row;
}

export function showProgress({ id, progress }, bar = one(`[data-file="${id}"] [data-file-progress]`)) {
  if (!bar) return;
  bar.hidden = progress === null;
  bar.value = progress ?? 0;
}

// ---- Choosing, pasting, dropping ------------------------------------------------------------------------------------------------------------------

body.addEventListener("change", ({ target }) => {
  if (target.matches("[data-choose-files]") && target.files.length) addFiles([...target.files]);
});
body.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!form() || !files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  addFiles(files.map((file) => new File([file], file.name || "image.png", { type: file.type })));
});

const carriesFiles = ({ dataTransfer, target }) => [...(dataTransfer?.types ?? [])].includes("Files") && !target.closest?.("input[type=file]");
const showHint = (is) => one("[data-conversation]")?.toggleAttribute("data-dropping", is);

document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault(); // or the browser leaves the page for the file
  showHint(Boolean(form()));
});
document.addEventListener("dragleave", ({ relatedTarget }) => { if (!relatedTarget) showHint(false); });
document.addEventListener("drop", (event) => {
  showHint(false);
  if (!carriesFiles(event)) return;
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  const { noConversation, noFilesNow } = one("[data-inbox]").dataset;
  if (!form()) tell(one("[data-conversation]") ? noFilesNow : noConversation, "alert-error");
  else if (files.length) body.dispatchEvent(new CustomEvent("hub:dropped", { detail: { files } }));
});
