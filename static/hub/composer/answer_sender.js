// Sends an answer. Each file has a request of its own, so that it shows its progress and is a message of its own, in order. Sending goes
// on when another conversation is opened. What could not be sent stays in its draft.

import { canHaveCaption, showProgress, updateFiles } from "../attachments/attachments.js";
import { body, one } from "../common/dom.js";
import { createToken } from "../common/tokens.js";
import { showToast } from "../pages/toasts.js";
import { getDraft, storeDraft } from "./drafts.js";
import {
  answerForm,
  composer,
  composerData,
  isConversationOpen,
  notSentText,
  showError,
  textField,
} from "./elements.js";
import { splitAnswer } from "./message_parts.js";

const sending = new Set(); // keys of drafts
const requestedAgain = new Set(); // keys of drafts that were submitted while the answer before was being sent

export const isSending = (key) => sending.has(key);

export async function sendAnswer() {
  const key = composerData("key");
  if (sending.has(key)) {
    requestedAgain.add(key);
    return;
  }
  sending.add(key);
  showError("");
  showSending();
  const title = one("[data-conversation]")?.dataset.title ?? "";
  const context = { key, url: answerForm().action, notSent: composerData("notSent"), title }; // as it was when sending began
  const text = textField().value;
  let failure;
  try {
    await Promise.all(getDraft(key).files.map(({ ready }) => ready)); // files that are being reduced
    failure = await sendParts(splitAnswer(getDraft(key), text, canHaveCaption), context);
  } finally {
    sending.delete(key);
    for (const attachment of getDraft(key).files) attachment.progress = null;
    updateFiles(key);
    showSending();
  }
  const mayContinue = requestedAgain.delete(key) && (getDraft(key).text.trim() || getDraft(key).files.length);
  if (failure) showFailure(failure, context);
  else if (mayContinue && isConversationOpen(key) && answerForm()) sendAnswer();
}

// Returns the part that failed with its request, or null.
async function sendParts(parts, context) {
  for (const { file } of parts) if (file) file.progress = 0;
  updateFiles(context.key);
  for (const part of parts) {
    const xhr = await post(part, context);
    if (xhr?.status !== 204) return { part, xhr };
    removeFromDraft(part, context.key);
  }
  return null;
}

// Returns the request, or undefined if htmx sent none.
async function post({ file, token, text, quoted }, { key, url }) {
  const source = document.createElement("div"); // outside the form, which may be replaced before the request ends
  source.hidden = true;
  source.setAttribute("hx-encoding", "multipart/form-data");
  Object.assign(source.dataset, { quiet: "", answerOf: key });
  body.append(source);
  let xhr;
  source.addEventListener("htmx:beforeSend", ({ detail }) => {
    xhr = detail.xhr;
    if (file) xhr.upload.addEventListener("progress", (event) => updateProgress(file, event));
  });
  source.addEventListener("hub:sent", (event) => {
    if (isConversationOpen(key)) return;
    event.stopPropagation(); // it would scroll the conversation that is open now
    body.dispatchEvent(new Event("hub:changed"));
  });
  const values = { token, text, quoted, ...(file ? fileValues(file) : {}) };
  await htmx.ajax("POST", url, { source, target: source, swap: "none", values }).catch(() => {}); // see the status of xhr
  source.remove();
  return xhr;
}

function updateProgress(file, { lengthComputable, loaded, total }) {
  if (!lengthComputable) return;
  file.progress = (100 * loaded) / total;
  showProgress(file);
}

function fileValues({ asDocument, file, isVoice, original }) {
  const sent = asDocument ? original : file;
  return { file: sent, file_name: sent.name, voice: isVoice ? "1" : "", as_document: asDocument ? "1" : "" };
}

// The response is shown by showFailure, if its composer is still on the page.
body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.requestConfig?.elt.matches("[data-answer-of]")) detail.shouldSwap = false;
});

// Text that was written while the message was being sent stays.
function removeFromDraft({ file, text }, key) {
  const draft = getDraft(key);
  if (file) draft.files = draft.files.filter((each) => each !== file);
  if (text && draft.text.startsWith(text)) draft.text = draft.text.slice(text.length);
  Object.assign(draft, { quote: null, token: createToken() });
  storeDraft(key);
  updateFiles(key);
  if (isConversationOpen(key) && answerForm()) body.dispatchEvent(new Event("hub:draft"));
}

function showSending() {
  if (!composer() || !answerForm()) return;
  const isBusy = isSending(composerData("key"));
  one("[data-send]", answerForm()).disabled = isBusy;
  one("[data-sending]", answerForm()).hidden = !isBusy;
}
body.addEventListener("hub:composer", showSending);

function showFailure({ part, xhr }, { key, notSent, title }) {
  const reason = notSentText(xhr, notSent);
  if (!isConversationOpen(key)) showToast(`${title}: ${reason}`, "alert-error");
  else if (xhr?.status === 422) showInvalid(part, xhr);
  else showError(reason);
}

function showInvalid({ file }, xhr) {
  if (xhr.getResponseHeader("HX-Retarget") === "#composer") {
    composer().outerHTML = xhr.responseText; // free text is not possible any more
    htmx.process(composer());
    body.dispatchEvent(new Event("hub:composer"));
    return;
  }
  showError("");
  one("#composer-error").innerHTML = xhr.responseText;
  textField().setAttribute("aria-invalid", "true");
  if (!one("#composer-error [data-spent]")) return;
  if (file) file.id = createToken();
  else getDraft().token = createToken();
}

addEventListener("beforeunload", (event) => {
  if (sending.size) event.preventDefault();
});
