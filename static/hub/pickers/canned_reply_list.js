// Canned replies: a list to choose from while the text begins with "/".

import { all, body, onClick, one } from "../common/dom.js";
import { fold } from "../common/text_folding.js";
import { composerData, textField } from "../composer/elements.js";
import { insertText } from "../composer/text_area.js";

const list = () => one("#canned-list");
const visibleOptions = () => all("[role=option]:not([hidden])", list());
let requestedList = null; // the element whose replies were requested; each composer has one
let fieldWithSlash = null; // the text field whose "/" was put there by the button

body.addEventListener("input", ({ target }) => {
  if (target.matches("[data-text]")) suggestReplies();
});

function suggestReplies() {
  const shortcut = /^\/(\S*)$/.exec(textField().value)?.[1];
  if (shortcut === undefined) {
    closeList();
    removeSlash();
    return;
  }
  if (requestedList !== list()) {
    requestedList = list();
    htmx.trigger(list(), "hub:canned");
    list().addEventListener("htmx:afterSwap", suggestReplies, { once: true });
    return;
  }
  for (const option of all("[role=option]", list()))
    option.hidden = !fold(option.dataset.shortcut).includes(fold(shortcut));
  const found = visibleOptions();
  list().hidden = !found.length && !one("[data-none]", list());
  selectOption(found[0]);
  const text = found.length === 1 ? composerData("replyFound") : composerData("repliesFound");
  one("#announcer").textContent = text.replace("{n}", found.length);
}

function selectOption(option) {
  for (const each of all("[role=option]", list())) each.setAttribute("aria-selected", String(each === option));
  if (option) textField().setAttribute("aria-activedescendant", option.id);
  else textField().removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function closeList() {
  list().hidden = true;
  textField().removeAttribute("aria-activedescendant");
}

// Removes the "/" that the button put there. One that staff typed stays.
function removeSlash() {
  const field = textField();
  if (fieldWithSlash === field && field.value.startsWith("/")) {
    field.setRangeText("", 0, 1, "preserve");
    fieldWithSlash = null; // before the event, which leads back to here
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  fieldWithSlash = null;
}

function chooseReply(option) {
  closeList();
  fieldWithSlash = null;
  insertText(option.dataset.words, { from: 0, to: textField().value.length });
  textField().focus();
}

// Returns whether the key was for the list.
export function handleListKey({ key, shiftKey }) {
  if (list().hidden) return false;
  if (key === "Escape") {
    closeList();
    removeSlash();
    return true;
  }
  const options = visibleOptions();
  const index = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (!options.length) return false;
  if (key === "ArrowDown" || key === "ArrowUp") {
    selectOption(options[(index + (key === "ArrowDown" ? 1 : -1) + options.length) % options.length]);
    return true;
  }
  if ((key === "Enter" || key === "Tab") && !shiftKey && index >= 0) {
    chooseReply(options[index]);
    return true;
  }
  return false;
}

function toggleList() {
  if (!list().hidden) {
    closeList();
    removeSlash();
  } else if (!textField().value.trim()) {
    fieldWithSlash = textField();
    insertText("/", { from: 0, to: textField().value.length });
  }
  textField().focus();
}

onClick({ "#canned-list [role=option]": chooseReply, "[data-open-canned]": toggleList });
