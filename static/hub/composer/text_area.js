// The text of an answer: as high as it needs, and counted near its limit.

import { canHaveCaption } from "../attachments/attachments.js";
import { all, body, one } from "../common/dom.js";
import { getDraft, storeDraft } from "./drafts.js";
import { composer, showError, textField } from "./elements.js";

export function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}

// Words wrap elsewhere when the window becomes narrower or the screen is turned.
addEventListener("resize", () => {
  for (const area of all("[data-text], [data-note-text]")) if (area.checkVisibility()) fitHeight(area);
});

export function showCount() {
  const { mostText, mostCaption, countedFrom } = composer().dataset;
  const isCaption = getDraft().files.some(canHaveCaption);
  const maxLength = Number(isCaption ? mostCaption : mostText);
  const length = [...textField().value.trim()].length; // code points, as the server counts
  const box = one("[data-count]");
  box.textContent = length >= Math.min(countedFrom, maxLength * 0.9) ? `${length} / ${maxLength}` : "";
  box.classList.toggle("text-error", length > maxLength);
  box.classList.toggle("font-semibold", length > maxLength);
}
body.addEventListener("hub:files", showCount);

export function insertText(text, { from = textField().selectionStart, to = textField().selectionEnd } = {}) {
  textField().setRangeText(text, from, to, "end");
  textField().dispatchEvent(new Event("input", { bubbles: true }));
}

body.addEventListener("input", ({ target }) => {
  if (target.matches("[data-note-text]")) {
    getDraft().note = target.value;
    one("[data-problem]").textContent = "";
  } else if (target.matches("[data-text]")) {
    getDraft().text = target.value;
    showError("");
    showCount();
  } else return;
  storeDraft();
  fitHeight(target);
});
