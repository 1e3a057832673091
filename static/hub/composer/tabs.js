// The tabs of the composer: answer, template, note.

import { all, onClick, one } from "../common/dom.js";
import { answerForm, composer, textField } from "./elements.js";
import { fitHeight } from "./text_area.js";

export function showTab(id, { takesFocus = true } = {}) {
  for (const tab of all("[data-tab]", composer())) {
    const isSelected = tab.id === id;
    tab.setAttribute("aria-selected", String(isSelected));
    tab.tabIndex = isSelected ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isSelected;
  }
  const needsTemplates = id === "tab-template" && answerForm() && !one("#template-picker section");
  if (needsTemplates) htmx.trigger("#template-picker", "hub:picker");
  const field = { "tab-answer": textField(), "tab-note": one("[data-note-text]") }[id];
  if (field) fitHeight(field);
  if (takesFocus) field?.focus();
}

export function moveBetweenTabs(event) {
  const offset = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!offset) return;
  const tabs = all("[data-tab]", composer());
  const next = tabs[(tabs.indexOf(event.target) + offset + tabs.length) % tabs.length];
  showTab(next.id, { takesFocus: false });
  next.focus();
  event.preventDefault();
}

onClick({
  "[data-tab]": (tab, event) => {
    event.preventDefault();
    showTab(tab.id);
  },
});
