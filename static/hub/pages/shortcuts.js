// Keyboard shortcuts. They are off while a field has the focus, and where the user's preferences say so.

import { all, body, one } from "../common/dom.js";
import { toggleContactPane } from "./contact_pane.js";

const TEXT_FIELDS = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const isTyping = (element) => element.matches(TEXT_FIELDS);

function focusRow(offset) {
  const rows = all("[data-list] .row");
  if (!rows.length) return;
  const focused = rows.indexOf(document.activeElement.closest?.(".row"));
  const start = focused >= 0 ? focused : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, start < 0 ? 0 : start + offset))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function openNotes() {
  const tab = one("#tab-note");
  if (tab) {
    tab.click();
    return;
  }
  toggleContactPane(true);
  one("[data-note]")?.focus();
}

function openComposer() {
  const tab = one("#tab-answer") ?? one("#tab-template");
  tab?.focus();
  tab?.click();
}

const SHORTCUTS = {
  j: () => focusRow(1),
  k: () => focusRow(-1),
  "/": () => one("[data-search]")?.focus(),
  n: openNotes,
  c: openComposer,
  r: () => all("[data-inbound] [data-reply]").at(-1)?.click(),
  i: () => toggleContactPane(),
  e: () => one("[data-mark-done]")?.click(),
  u: () => one("[data-mark-unread]")?.click(),
  "?": () => one("#shortcuts")?.showModal(),
};

function leave(target) {
  if (one("[data-pane-open]")) toggleContactPane(false);
  else if (isTyping(target)) target.blur();
  else if (innerWidth < 1024) one("[data-back]")?.click();
  else one("[data-row] > .row[aria-current]")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !one("dialog[open]")) {
    leave(event.target);
    return;
  }
  const isCombination = event.ctrlKey || event.metaKey || event.altKey;
  if (!body.hasAttribute("data-shortcuts") || isCombination || isTyping(event.target) || one("dialog[open]")) return;
  const shortcut = SHORTCUTS[event.key.toLowerCase()];
  if (!shortcut) return;
  event.preventDefault();
  shortcut();
});
