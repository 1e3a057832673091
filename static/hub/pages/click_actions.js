// Buttons whose attribute says what a click does.

import { body, onClick } from "../common/dom.js";
import { showToast } from "./toasts.js";

async function copyText(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    (button.closest("dialog") ?? body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  showToast(body.dataset.copied);
}

onClick({
  "[data-copy]": copyText,
  "[data-open-dialog]": (button) => document.getElementById(button.dataset.openDialog)?.showModal(),
  "[data-dismiss]": (button) => button.closest("[data-toast]").remove(),
});
