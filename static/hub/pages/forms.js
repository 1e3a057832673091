// Forms: submission by a change, check boxes of a list, fields of a chat, and the sign that a form is being sent.

import { deleteDrafts } from "../common/browser_storage.js";
import { all, body, one } from "../common/dom.js";

document.addEventListener("submit", ({ target }) => {
  if (target.matches("form[action*='/logout/']")) deleteDrafts(); // the next user of this browser must not find them
  const sign = target.matches("[data-busy]") && one("[data-busy-sign]", target);
  if (!sign) return;
  sign.classList.remove("hidden");
  sign.closest("button").disabled = true;
});

document.addEventListener(
  "change",
  (event) => {
    // The search has run while the text was typed. It must not run again when the focus leaves the field.
    if (event.target.matches("input[type=search]")) event.stopPropagation();
  },
  true,
);

document.addEventListener("change", ({ target }) => {
  if (target.closest("[data-submit-on-change]")) target.form?.requestSubmit();
  const rows = target.dataset.checkAll;
  if (!rows) return;
  for (const box of all(rows)) {
    box.checked = target.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

// The field of a chat is empty as soon as its text is under way, so that the next text can be typed. It comes back if that failed.
const sentTexts = new WeakMap();

body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  for (const field of all("[data-clear-on-send]", detail.elt)) {
    sentTexts.set(field, field.value);
    field.value = "";
  }
});

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"])
  body.addEventListener(name, ({ detail }) => {
    for (const field of all("[data-clear-on-send]", detail.elt)) field.value ||= sentTexts.get(field) ?? "";
  });
