// The dialog with the types of steps.

import { body, onClick, one } from "../common/dom.js";

const dialog = () => one("#add-step");

export function askWhatToAdd(after) {
  one("[data-after]", dialog()).value = after;
  if (!dialog().open) dialog().showModal();
}

onClick({
  "[data-add-after]": (button, event) => {
    event.preventDefault();
    askWhatToAdd(button.dataset.addAfter);
  },
});

// The dialog gives the focus back to its button when it closes. The new step gets it later.
document.addEventListener("submit", ({ target }) => {
  if (target.matches("[data-add-form]")) dialog().close();
});

// Without scripts it was opened by the URL, and is no modal window.
if (dialog()?.open) {
  dialog().close();
  dialog().showModal();
}

// The arrow keys move between the types.
body.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-add-form] [name=kind]")) return;
  const buttons = [...event.target.form.querySelectorAll("[name=kind]")];
  const offset = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!offset) return;
  event.preventDefault();
  buttons[(buttons.indexOf(event.target) + offset + buttons.length) % buttons.length].focus();
});
