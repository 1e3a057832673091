// Files that are chosen, pasted into the composer, or dropped anywhere on the page.

import { body, one } from "../common/dom.js";
import { answerForm } from "../composer/elements.js";
import { showTab } from "../composer/tabs.js";
import { showToast } from "../pages/toasts.js";
import { addFiles } from "./attachments.js";

body.addEventListener("change", ({ target }) => {
  if (target.matches("[data-choose-files]") && target.files.length) addFiles([...target.files]);
});

body.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!answerForm() || !files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  addFiles(files.map((file) => new File([file], file.name || "image.png", { type: file.type })));
});

function hasFiles({ dataTransfer, target }) {
  return [...(dataTransfer?.types ?? [])].includes("Files") && !target.closest?.("input[type=file]");
}

const showDropHint = (isShown) => one("[data-conversation]")?.toggleAttribute("data-dropping", isShown);

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault(); // or the browser would leave the page to show the file
  showDropHint(Boolean(answerForm()));
});

document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) showDropHint(false);
});

document.addEventListener("drop", (event) => {
  showDropHint(false);
  if (!hasFiles(event)) return;
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  const { noConversation, noFilesNow } = one("[data-inbox]").dataset;
  if (!answerForm()) showToast(one("[data-conversation]") ? noFilesNow : noConversation, "alert-error");
  else if (files.length) {
    showTab("tab-answer");
    addFiles(files);
  }
});
