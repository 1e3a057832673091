// Tabs: on a wide screen the steps are always there, and the tabs are those of the right column. On a phone all parts are tabs.

import { all, body, onClick, one } from "../common/dom.js";

const wide = matchMedia("(min-width: 1024px)");
const root = () => one("[data-bot-editor]");
const tabs = () => all("[data-bot-tabs] [role=tab]");

export function showTab(name) {
  const shown = name === "steps" && wide.matches ? root().dataset.tab : name;
  if (name === "steps" && wide.matches && shown) return;
  root().dataset.tab = shown || "diagram";
  for (const tab of tabs()) {
    const isSelected = tab.id === `tab-${root().dataset.tab}`;
    tab.setAttribute("aria-selected", isSelected);
    tab.tabIndex = isSelected ? 0 : -1;
  }
  body.dispatchEvent(new CustomEvent("hub:tab", { detail: root().dataset.tab }));
}

function startTab() {
  delete root().dataset.tab;
  showTab(wide.matches ? "diagram" : "steps");
}

onClick({ "[data-bot-tabs] [role=tab]": (tab) => showTab(tab.id.replace("tab-", "")) });

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-bot-tabs] [role=tab]")) return;
  const shown = tabs().filter((tab) => tab.checkVisibility());
  const offset = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!offset) return;
  event.preventDefault();
  const next = shown[(shown.indexOf(event.target) + offset + shown.length) % shown.length];
  next.focus();
  next.click();
});

wide.addEventListener("change", startTab);
startTab();
