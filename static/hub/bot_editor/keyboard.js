// Keyboard shortcuts of the editor: undo and redo, moving a step, adding one after it, closing its form, and arrows between cards.

import { all, body, one } from "../common/dom.js";
import { askWhatToAdd } from "./add_step.js";
import { toggleCard } from "./cards.js";

const TEXT_FIELDS = "input:not([type=checkbox], [type=radio]), textarea, [contenteditable]";

// In a text field, the browser undoes what was typed.
function undoOrRedo(event) {
  const key = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.target.matches(TEXT_FIELDS) || !"zy".includes(key)) return false;
  const id = key === "y" || event.shiftKey ? "redo" : "undo";
  one(`#${id}`)?.click();
  // What had the focus may be gone afterwards.
  const keepFocus = () => document.activeElement === body && one(`#${id}`)?.focus();
  body.addEventListener("hub:draft-saved", keepFocus, { once: true });
  return true;
}

function moveStep(event, card) {
  const direction = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  if (!event.altKey || !direction) return false;
  one(`#${direction}-${CSS.escape(card.dataset.step)}`)?.click();
  return true;
}

function moveFocus(event) {
  const offset = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!offset || event.altKey || !event.target.matches("[data-toggle-step]")) return false;
  const headings = all("[data-toggle-step]");
  headings[headings.indexOf(event.target) + offset]?.focus();
  return true;
}

function addAfter(event, card) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return false;
  askWhatToAdd(card.dataset.step);
  return true;
}

function closeForm(event, card) {
  if (event.key !== "Escape" || !card.hasAttribute("data-is-open")) return false;
  const heading = one("[data-toggle-step]", card);
  heading.focus();
  toggleCard(card.dataset.step, false);
  return true;
}

document.addEventListener(
  "keydown",
  (event) => {
    if (one("dialog[open]") || one(".bot-popover:popover-open")) return;
    const card = event.target.closest?.("[data-step]");
    const isDone =
      undoOrRedo(event) ||
      (card && (moveStep(event, card) || moveFocus(event) || addAfter(event, card) || closeForm(event, card)));
    if (!isDone) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
