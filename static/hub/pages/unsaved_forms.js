// Forms with data-unsaved: each says that it has changes that are not saved, and the browser asks before they are lost. That is also when
// another form of the page is saved.

import { one } from "../common/dom.js";

const NOT_SAVED = new Set(["contact", "contact_search"]); // they only choose what a preview shows
const changed = new Set();
let submitted = null; // the form that is being saved

function markAsChanged({ target }) {
  const form = target.form ?? target.closest?.("form");
  if (!form?.matches("[data-unsaved]") || NOT_SAVED.has(target.name)) return;
  changed.add(form);
  const sign = one("[data-unsaved-sign]", form);
  if (sign) sign.textContent = form.dataset.unsaved;
}

document.addEventListener("input", markAsChanged);
document.addEventListener("change", markAsChanged);
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) submitted = event.target;
});

addEventListener("beforeunload", (event) => {
  if ([...changed].some((form) => form.isConnected && form !== submitted)) event.preventDefault();
  submitted = null; // if the user stays, it is not saved
});
