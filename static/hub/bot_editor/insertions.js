// Inserts emoji and values into the text field whose button was pressed.

import { all, body, onClick, one, placePopover } from "../common/dom.js";
import { fold } from "../common/text_folding.js";

const state = { field: null, button: null };

function insertAtCursor(field, text) {
  const start = field.selectionStart ?? field.value.length;
  field.setRangeText(text, start, field.selectionEnd ?? start, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

const open = (button) => {
  const popover = document.getElementById(button.dataset.insert);
  Object.assign(state, { field: document.getElementById(button.dataset.into), button });
  popover.showPopover();
  placePopover(popover, button);
  if (popover.id === "insert-emoji" && !one("[data-emoji]", popover)) htmx.trigger(popover, "hub:emoji");
  else focusFirst(popover);
};

function focusFirst(popover) {
  const search = one("[data-emoji-search]", popover);
  if (search) {
    search.value = "";
    findEmoji("");
  }
  (search ?? one("button", popover))?.focus();
}

function choose(text) {
  for (const popover of all(".bot-popover:popover-open")) popover.hidePopover();
  state.field.focus();
  insertAtCursor(state.field, text);
}

function findEmoji(query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const buttons = all("#insert-emoji [data-emoji-grid] [data-emoji]");
  for (const button of buttons) {
    const names = fold(button.dataset.words).split(/[\s-]+/);
    button.hidden = !words.every((word) => names.some((name) => name.startsWith(word)));
    button.tabIndex = button.hidden ? -1 : 0;
  }
  one("#insert-emoji [data-emoji-none]").hidden = buttons.some((button) => !button.hidden);
}

onClick({
  "[data-insert]": open,
  "#insert-placeholder [data-text]": (button) => choose(button.dataset.text),
  "#insert-emoji [data-emoji]": (button) => choose(button.dataset.emoji),
});

body.addEventListener("input", ({ target }) => {
  if (target.matches("#insert-emoji [data-emoji-search]")) findEmoji(target.value);
});
body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id !== "insert-emoji") return;
  placePopover(target, state.button);
  focusFirst(target);
});

function moveByKey(event) {
  const buttons = all("button:not([hidden])", event.target.closest(".bot-popover"));
  const offset = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!offset) return;
  event.preventDefault();
  buttons[Math.max(0, Math.min(buttons.length - 1, buttons.indexOf(event.target) + offset))]?.focus();
}

document.addEventListener(
  "keydown",
  (event) => {
    const popover = event.target.closest?.(".bot-popover");
    if (!popover) return;
    if (event.key === "Enter" && event.target.matches("[data-emoji-search]")) {
      event.preventDefault();
      one("[data-emoji-grid] [data-emoji]:not([hidden])", popover)?.click();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      event.preventDefault();
      popover.hidePopover();
      state.field.focus();
    } else moveByKey(event);
  },
  true,
);
