// The composer and its elements. Each is null where it is not on the page: outside conversations, or while no answer can be sent.

import { body, one } from "../common/dom.js";

export const composer = () => one("#composer");
export const composerData = (name) => composer().dataset[name];
export const answerForm = () => one("[data-answer]");
export const textField = () => one("[data-text]");

export const isConversationOpen = (key) => composer()?.dataset.key === key;

export function showError(text) {
  const box = one("#composer-error");
  if (box && box.textContent !== text) box.textContent = text;
  box?.classList.toggle("composer-refused", Boolean(text));
  textField()?.removeAttribute("aria-invalid");
}

// Returns why a request of the composer failed. live/access.js says more if the user has no access any more.
export function notSentText(xhr, otherwise = composerData("notSent")) {
  const isRefused = [403, 404].includes(xhr?.status) || Boolean(xhr?.getResponseHeader("HX-Redirect"));
  return isRefused ? body.dataset.notSent : otherwise;
}
