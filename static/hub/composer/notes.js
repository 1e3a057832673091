// Notes: a form of their own in the composer.

import { body, one } from "../common/dom.js";
import { showToast } from "../pages/toasts.js";
import { getDraft, storeDraft } from "./drafts.js";
import { answerForm, composerData, notSentText } from "./elements.js";
import { showTab } from "./tabs.js";
import { fitHeight } from "./text_area.js";

function showSending(form, isBusy) {
  one("[data-send]", form).disabled = isBusy;
  one("[data-sending]", form).hidden = !isBusy;
}

body.addEventListener("htmx:beforeRequest", ({ target }) => {
  if (target.matches("[data-note-form]")) showSending(target, true);
});

body.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (!target.matches("[data-note-form]")) return;
  showSending(target, false);
  if (detail.successful) showSuccess(target, detail.xhr);
  else showFailure(target, detail.xhr);
});

function showSuccess(form, xhr) {
  const area = one("[data-note-text]", form);
  area.value = "";
  getDraft().note = "";
  storeDraft();
  fitHeight(area);
  if (!xhr.getResponseHeader("HX-Trigger")) showToast(composerData("noteSaved")); // it was a command, and says itself what it did
  if (answerForm()) showTab("tab-answer");
  body.dispatchEvent(new Event("hub:changed"));
}

function showFailure(form, xhr) {
  const isInvalid = xhr.status === 422;
  const text = isInvalid ? one("[data-note-text]", form).validationMessage : notSentText(xhr);
  one("[data-problem]", form).textContent = text;
}
