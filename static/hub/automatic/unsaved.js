// Says that a form has changes that are not saved, and asks before they are lost.

import { one } from "../common/dom.js";

const NOT_SAVED = new Set(["contact", "contact_search"]); // they only choose what the preview shows

export function installUnsavedSign(form) {
  const sign = one("[data-unsaved-sign]", form);
  let isChanged = false;
  const setChanged = (event) => {
    if (NOT_SAVED.has(event.target.name)) return;
    isChanged = true;
    sign.textContent = form.dataset.unsaved;
  };
  form.addEventListener("input", setChanged);
  form.addEventListener("change", setChanged);
  form.addEventListener("submit", () => {
    isChanged = false;
  });
  addEventListener("beforeunload", (event) => {
    if (isChanged) event.preventDefault();
  });
}
