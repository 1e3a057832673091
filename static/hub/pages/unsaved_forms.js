// Forms with data-unsaved: the browser asks before changes that are not saved are lost, also when another form of the page is saved. A form
// with data-unsaved-sign says that it has such changes.

import { one } from "../common/dom.js";

const NOT_SAVED = new Set(["contact", "contact_search"]); // they only choose what a preview shows
const changed = new Set();
let submitted = null; // the form that is being saved
let saved = null; // the form whose saving leads to another page

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
  [saved, submitted] = [submitted, null]; // if the user stays, it is not saved
});

// The browser may show this page again, as it is.
addEventListener("pagehide", () => changed.delete(saved));
