// The emoji picker: it finds emoji by a word in any of the languages, and shows the last used ones first. It stays open until it is closed.

import { readJson, writeJson } from "../common/browser_storage.js";
import { all, body, onClick, one, placePopover } from "../common/dom.js";
import { fold } from "../common/text_folding.js";
import { composerData, textField } from "../composer/elements.js";
import { insertText } from "../composer/text_area.js";

const MAX_RECENT = 14;
const touchScreen = matchMedia("(pointer: coarse)"); // a focused field opens the keyboard there, which covers half of the page

const picker = () => one("#emoji-picker");
const visibleButtons = () =>
  all("[data-emoji]:not([hidden])", picker()).filter((button) => !button.closest("[hidden]"));

// ---- The last used ones

const recentKey = () => `emoji:${composerData("key").split(":")[1]}`; // of this user
const recentEmoji = () => readJson(recentKey(), []);

function rememberEmoji(emoji) {
  writeJson(recentKey(), [emoji, ...recentEmoji().filter((each) => each !== emoji)].slice(0, MAX_RECENT));
}

function drawRecent() {
  const buttons = recentEmoji().map((emoji) => one(`[data-emoji-grid] [data-emoji="${CSS.escape(emoji)}"]`, picker()));
  const copies = buttons.filter(Boolean).map((button) => button.cloneNode(true));
  for (const copy of copies) copy.hidden = false;
  one("[data-emoji-recent]", picker()).hidden = !copies.length;
  one("[data-emoji-recent-grid]", picker()).replaceChildren(...copies);
}

// ---- Opening, searching, choosing

function prepare() {
  const search = one("[data-emoji-search]", picker());
  search.value = "";
  drawRecent();
  find("");
  placePopover(picker(), one("[data-emoji-button]"));
  if (!touchScreen.matches) search.focus();
}

// Shows the emoji for which each word of `query` begins a word of their names.
function find(query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  for (const button of all("[data-emoji-grid] [data-emoji]", picker())) {
    const names = fold(button.dataset.words).split(/[\s-]+/);
    button.hidden = !words.every((word) => names.some((name) => name.startsWith(word)));
  }
  if (words.length) one("[data-emoji-recent]", picker()).hidden = true;
  else drawRecent();
  const visible = visibleButtons();
  one("[data-emoji-none]", picker()).hidden = visible.length > 0;
  setTabStop(visible[0]);
}

// The picker keeps the focus. Escape moves it to the text.
function choose(button) {
  insertText(button.dataset.emoji);
  rememberEmoji(button.dataset.emoji);
}

function setTabStop(button) {
  for (const each of all("[data-emoji]", picker())) each.tabIndex = each === button ? 0 : -1;
}

function moveTo(button) {
  setTabStop(button);
  button?.focus();
}

function rowLength(buttons) {
  const top = buttons[0].offsetTop;
  const next = buttons.findIndex((button) => button.offsetTop !== top);
  return next > 0 ? next : buttons.length;
}

function moveByKey(event) {
  const grid = event.target.parentElement;
  const buttons = visibleButtons().filter((button) => button.parentElement === grid);
  const row = rowLength(buttons);
  const offset = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[event.key];
  if (!offset) return;
  event.preventDefault();
  const index = buttons.indexOf(event.target) + offset;
  if (event.key === "ArrowUp" && index < 0) one("[data-emoji-search]", picker()).focus();
  else moveTo(buttons[Math.min(buttons.length - 1, Math.max(0, index))]);
}

function searchByKey(event) {
  if (event.key !== "Enter" && event.key !== "ArrowDown") return;
  event.preventDefault();
  const first = visibleButtons()[0];
  if (!first) return;
  if (event.key === "Enter") choose(first);
  else moveTo(first);
}

document.addEventListener("keydown", (event) => {
  if (!event.target.closest?.("#emoji-picker")) return;
  if (event.target.matches("[data-emoji]")) moveByKey(event);
  else if (event.target.matches("[data-emoji-search]")) searchByKey(event);
});
body.addEventListener("input", ({ target }) => {
  if (target.matches("[data-emoji-search]")) find(target.value);
});
onClick({ "#emoji-picker [data-emoji]": choose });

body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "emoji-picker" && target.matches(":popover-open")) prepare();
});
document.addEventListener(
  "toggle",
  ({ target, newState }) => {
    if (target.id !== "emoji-picker") return;
    if (newState !== "open") returnFocus();
    else if (one("[data-emoji-grid]", picker())) prepare();
    else htmx.trigger(picker(), "hub:emoji");
  },
  true,
);

// After closing, unless the user has focused something else.
function returnFocus() {
  const isFree = [body, one("[data-emoji-button]")].includes(document.activeElement);
  if (textField() && !touchScreen.matches && isFree) textField().focus();
}
