// The emoji picker: found by a word in any of the languages, those used last first. It stays open until somebody closes it.

import { all, body, one, placeBeside } from "./dom.js";
import { field, words } from "./drafts.js";

const MOST_RECENT = 14;
const COARSE = matchMedia("(pointer: coarse)"); // where a focused field brings up the keyboard, which hides half of the page

const picker = () => one("#emoji-picker");
const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const shown = () => all("[data-emoji]:not([hidden])", picker()).filter((button) => !button.closest("[hidden]"));

// ---- Those used last ------------------------------------------------------------------------------------------------------------------------

const key = () => `emoji:${words("key").split(":")[1]}`; // of this user

function recent() {
  try {
    return JSON.parse(localStorage.getItem(key())) ?? [];
  } catch { // no storage, or not what we put there
    return [];
  }
}

function remember(emoji) {
  try {
    localStorage.setItem(key(), JSON.stringify([emoji, ...recent().filter((each) => each !== emoji)].slice(0, MOST_RECENT)));
  } catch { // full or forbidden
  }
}

function drawRecent() {
  const known = recent().map((emoji) => one(`[data-emoji-grid] [data-emoji="${CSS.escape(emoji)}"]`, picker())).filter(Boolean);
  one("[data-emoji-recent]", picker()).hidden = !known.length;
  one("[data-emoji-recent-grid]", picker()).replaceChildren(...known.map((button) => {
    const copy = button.cloneNode(true);
    copy.hidden = false;
    return copy;
  }));
}

// ---- Opening, searching, choosing --------------------------------------------------------------------------------------------------------------

function opened() {
  if (one("[data-emoji-grid]", picker())) begin();
  else htmx.trigger(picker(), "hub:emoji");
}

function begin() {
  const search = one("[data-emoji-search]", picker());
  search.value = "";
  drawRecent();
  find("");
  placeBeside(picker(), one("[data-emoji-button]"));
  if (!COARSE.matches) search.focus();
}

function find(typed) { // every word that was typed begins a word of its names
  const wanted = folded(typed).split(/\s+/).filter(Boolean);
  for (const button of all("[data-emoji-grid] [data-emoji]", picker())) {
    const names = folded(button.dataset.words).split(/[\s-]+/);
    button.hidden = !wanted.every((each) => names.some((name) => name.startsWith(each)));
  }
  if (!wanted.length) drawRecent();
  else one("[data-emoji-recent]", picker()).hidden = true;
  one("[data-emoji-none]", picker()).hidden = shown().length > 0;
  moveTo(shown()[0], { focus: false });
}

function choose(button) { // into the text, whose caret goes on; who types on goes there by Escape
  field().setRangeText(button.dataset.emoji, field().selectionStart, field().selectionEnd, "end");
  field().dispatchEvent(new Event("input", { bubbles: true }));
  remember(button.dataset.emoji);
}

function moveTo(button, { focus = true } = {}) {
  for (const each of all("[data-emoji]", picker())) each.tabIndex = each === button ? 0 : -1;
  if (focus) button?.focus();
}

function perRow(buttons) {
  const top = buttons[0].offsetTop;
  const next = buttons.findIndex((button) => button.offsetTop !== top);
  return next > 0 ? next : buttons.length;
}

function moveByKey(event) {
  const grid = event.target.parentElement;
  const buttons = shown().filter((button) => button.parentElement === grid);
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perRow(buttons), ArrowDown: perRow(buttons) };
  const at = buttons.indexOf(event.target) + (steps[event.key] ?? 0);
  if (!(event.key in steps)) return;
  event.preventDefault();
  if (event.key === "ArrowUp" && at < 0) one("[data-emoji-search]", picker()).focus();
  else moveTo(buttons[Math.min(buttons.length - 1, Math.max(0, at))]);
}

document.addEventListener("keydown", (event) => {
  if (!event.target.closest?.("#emoji-picker")) return;
  if (event.target.matches("[data-emoji]")) moveByKey(event);
  if (!event.target.matches("[data-emoji-search]")) return;
  if (event.key === "Enter" || event.key === "ArrowDown") event.preventDefault();
  if (event.key === "Enter" && shown().length) choose(shown()[0]);
  if (event.key === "ArrowDown" && shown().length) moveTo(shown()[0]);
});
body.addEventListener("input", ({ target }) => {
  if (target.matches("[data-emoji-search]")) find(target.value);
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("#emoji-picker [data-emoji]");
  if (button) choose(button);
});
body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "emoji-picker" && target.matches(":popover-open")) begin();
});
document.addEventListener("toggle", ({ target, newState }) => {
  if (target.id !== "emoji-picker") return;
  if (newState === "open") opened();
  else if (field() && !COARSE.matches && [body, one("[data-emoji-button]")].includes(document.activeElement)) field().focus();
}, true);
