// Fills the composer with the draft of its conversation. The server replaces the composer when the window opens or closes and when
// another conversation is opened. The draft, the tab, the focus and the selection stay.

import { drawFiles, restoreFiles } from "../attachments/attachments.js";
import { canRecord, discardRecording, startRecording, stopRecording } from "../attachments/voice_recorder.js";
import { body, onClick, one } from "../common/dom.js";
import { createToken } from "../common/tokens.js";
import { isSending, sendAnswer } from "./answer_sender.js";
import { getDraft } from "./drafts.js";
import { answerForm, composer, composerData, showError, textField } from "./elements.js";
import { hasKeyboard } from "./enter_key.js";
import { isLoneShortcut } from "./message_parts.js";
import { drawQuote } from "./quote.js";
import { showTab } from "./tabs.js";
import { fitHeight, showCount } from "./text_area.js";

let mounted = null; // the composer that has its draft
let replaced = null; // where the focus was in the composer that is being replaced

function mount() {
  const box = composer();
  if (!box || box === mounted) return;
  const { key } = box.dataset;
  if (mounted?.dataset.key !== key) discardRecording();
  const before = replaced?.key === key ? replaced : null;
  mounted = box;
  replaced = null;
  one("#thread")?.toggleAttribute("data-may-answer", box.dataset.composer === "free");
  const draft = getDraft();
  one("[data-note-text]").value = draft.note;
  fitHeight(one("[data-note-text]"));
  one("[data-draft-kept]", box)?.toggleAttribute("hidden", !draft.text.trim());
  if (answerForm()) mountForm(draft);
  if (before) restoreFocus(before);
  body.dispatchEvent(new Event("hub:composer"));
}
body.addEventListener("hub:composer", mount);

function mountForm(draft) {
  const { quoted } = answerForm().elements;
  if (textField().value && !draft.text) draft.text = textField().value; // the server returned it with an error
  textField().value = draft.text;
  draft.token ||= createToken();
  if (quoted.value) {
    const [who, words] = ["[data-quote-who]", "[data-quote-words]"].map((selector) => one(selector).textContent);
    draft.quote = { id: quoted.value, who, words };
  }
  one("[data-record]").hidden = !canRecord();
  restoreFiles(composerData("key"));
  drawQuote();
  drawFiles();
  fitHeight(textField());
  showCount();
}

// A part of the draft has been sent.
body.addEventListener("hub:draft", () => {
  if (textField().value !== getDraft().text) textField().value = getDraft().text;
  drawQuote();
  fitHeight(textField());
  showCount();
  if (document.activeElement === body || composer().contains(document.activeElement)) textField().focus();
});

// ---- Replacement

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!mounted || !detail.target.contains(mounted) || detail.requestConfig?.elt.matches("[data-answer-of]")) return;
  const isBusy = isSending(composerData("key")) || one("[data-send]:disabled", mounted);
  if (detail.target === mounted && detail.xhr.status === 200 && isBusy) {
    detail.shouldSwap = false; // requested before something was sent
    return;
  }
  if (detail.target === mounted) rememberFocus();
});

function rememberFocus() {
  const active = document.activeElement;
  replaced = {
    key: composerData("key"),
    tab: one("[data-tab][aria-selected=true]", mounted).id,
    isInside: mounted.contains(active),
    id: active.id,
    from: active.selectionStart,
    to: active.selectionEnd,
  };
}

function restoreFocus({ tab, isInside, id, from, to }) {
  if (tab === "tab-note") showTab(tab, { takesFocus: false });
  if (!isInside) return;
  const target = document.getElementById(id);
  const isVisible = target && composer().contains(target) && !target.closest("[hidden]");
  (isVisible ? target : one("[data-tab][aria-selected=true]", composer())).focus();
  if (isVisible && from !== undefined) target.setSelectionRange?.(from, to);
}

body.addEventListener("htmx:afterSwap", ({ target }) => {
  mount();
  if (target.id === "conversation") focusText();
});

// With a keyboard, staff can type at once. On a touch screen, the keyboard would cover the conversation.
function focusText() {
  if (answerForm() && hasKeyboard()) textField().focus({ preventScroll: true });
}

// ---- Events of the composer

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-answer]")) return;
  event.preventDefault();
  if (isLoneShortcut(textField().value) && !warnAboutShortcut()) return;
  sendAnswer();
});

// Returns whether staff has read the warning: it disappears when the text changes.
function warnAboutShortcut() {
  const warning = composerData("loneShortcut").replace("{text}", textField().value.trim());
  if (one("#composer-error").textContent === warning) return true;
  showError(warning);
  return false;
}

body.addEventListener("hub:sent", ({ target }) => {
  if (target.closest("#template-picker") && answerForm()) showTab("tab-answer");
});

onClick({
  "[data-compose]": () => htmx.trigger(composer(), "hub:compose"),
  "[data-record]": startRecording,
  "[data-record-stop]": stopRecording,
  "[data-record-cancel]": () => {
    discardRecording();
    textField().focus();
  },
});

mount();
if (composer()) focusText();
