// Sending an answer: each file with a request of its own, so that each shows its progress and is a message, in order. It goes on if
// another conversation is opened meanwhile; what could not be sent stays in its draft.

import { changed, showProgress, takesCaption } from "./attachments.js";
import { body, one, tell } from "./dom.js";
import { composer, draft, field, form, freshToken, isOpen, keep, refuse, whyNotSent, words } from "./drafts.js";

const sending = new Set(); // keys of drafts
const wantedNext = new Set(); // keys of drafts in which somebody has pressed Enter meanwhile

export const isSending = (key) => sending.has(key);

export async function sendAnswer() {
  const key = words("key");
  if (sending.has(key)) {
    wantedNext.add(key);
    return;
  }
  sending.add(key);
  refuse("");
  drawBusy();
  const here = { key, address: form().action, notSent: words("notSent"), title: one("[data-conversation]")?.dataset.title ?? "" };
  const text = field().value;
  await Promise.all(draft(key).files.map(({ ready }) => ready)); // those that are being made smaller
  const refused = await sendParts(partsOf(draft(key), text), here);
  sending.delete(key);
  for (const each of draft(key).files) each.progress = null;
  changed(key);
  drawBusy();
  const isWanted = wantedNext.delete(key) && (draft(key).text.trim() || draft(key).files.length);
  if (refused) showFailure(refused, here);
  else if (isWanted && isOpen(key) && form()) sendAnswer();
}

function partsOf({ files, token, quote }, text) { // the text is the caption of the first file that can have one, else comes last
  const captioned = text.trim() ? files.find(takesCaption) : undefined;
  const parts = files.map((file) => ({ file, token: file.id, text: file === captioned ? text : "", quoted: "" }));
  if (!files.length || (text.trim() && !captioned)) parts.push({ file: null, token, text, quoted: "" });
  parts[0].quoted = quote?.id ?? "";
  return parts;
}

async function sendParts(parts, here) { // what was refused, if anything was
  for (const { file } of parts) if (file) file.progress = 0;
  changed(here.key);
  for (const part of parts) {
    const xhr = await post(part, here);
    if (xhr?.status !== 204) return { part, xhr };
    noteSent(part, here.key);
  }
  return null;
}

async function post({ file, token, text, quoted }, { key, address }) { // undefined if there was no answer
  const source = Object.assign(document.createElement("div"), { hidden: true }); // apart from the form, which may be gone before it ends
  source.setAttribute("hx-encoding", "multipart/form-data");
  Object.assign(source.dataset, { quiet: "", answerOf: key });
  body.append(source);
  let xhr;
  source.addEventListener("htmx:beforeSend", ({ detail }) => {
    xhr = detail.xhr;
    if (file) xhr.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
      if (!lengthComputable) return;
      file.progress = (100 * loaded) / total;
      showProgress(file);
    });
  });
  source.addEventListener("hub:sent", (event) => { // another conversation is not scrolled to its end
    if (isOpen(key)) return;
    event.stopPropagation();
    body.dispatchEvent(new Event("hub:changed"));
  });
  const values = { token, text, quoted };
  if (file) {
    const sent = file.asDocument ? file.original : file.file;
    Object.assign(values, { file: sent, file_name: sent.name, voice: file.isVoice ? "1" : "", as_document: file.asDocument ? "1" : "" });
  }
  await htmx.ajax("POST", address, { source, target: source, swap: "none", values }).catch(() => {}); // no connection: the status says so
  source.remove();
  return xhr;
}

body.addEventListener("htmx:beforeSwap", ({ detail }) => { // what is answered to it is shown below, if its composer is still there
  if (detail.requestConfig?.elt.matches("[data-answer-of]")) detail.shouldSwap = false;
});

function noteSent({ file, text }, key) { // what was written while it was under way stays
  const mine = draft(key);
  if (file) mine.files = mine.files.filter((each) => each !== file);
  if (text && mine.text.startsWith(text)) mine.text = mine.text.slice(text.length);
  Object.assign(mine, { quote: null, token: freshToken() });
  keep(key);
  changed(key);
  if (isOpen(key) && form()) body.dispatchEvent(new Event("hub:draft"));
}

function drawBusy() {
  if (!composer() || !form()) return;
  const is = isSending(words("key"));
  one("[data-send]", form()).disabled = is;
  one("[data-sending]", form()).hidden = !is;
}
body.addEventListener("hub:composer", drawBusy);

function showFailure({ part, xhr }, { key, notSent, title }) {
  const status = xhr?.status ?? 0;
  const why = whyNotSent(xhr, notSent);
  if (!isOpen(key)) tell(`${title}: ${why}`, "alert-error");
  else if (status === 422) showRefusal(part, xhr);
  else refuse(why);
}

function showRefusal({ file }, xhr) {
  if (xhr.getResponseHeader("HX-Retarget") === "#composer") { // free text is not possible any more
    composer().outerHTML = xhr.responseText;
    htmx.process(composer());
    body.dispatchEvent(new Event("hub:composer"));
    return;
  }
  refuse("");
  one("#composer-error").innerHTML = xhr.responseText;
  field().setAttribute("aria-invalid", "true");
  if (!one("#composer-error [data-spent]")) return;
  if (file) file.id = freshToken();
  else draft().token = freshToken();
}

addEventListener("beforeunload", (event) => {
  if (sending.size) event.preventDefault();
});
