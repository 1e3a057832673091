// How many contacts of a list are selected. A contact that is no longer shown is no longer selected.

import { all, body, one } from "../common/dom.js";

function showSelection() {
  const bar = one("[data-bulk-bar]");
  if (!bar) return;
  const count = all("input[name=contact]:checked").length;
  bar.hidden = count === 0;
  const words = one("[data-bulk-count]", bar);
  words.textContent = count === 1 ? words.dataset.one : words.dataset.many.replace("{n}", count);
}

document.addEventListener("change", ({ target }) => {
  if (target.name === "contact") showSelection();
});
body.addEventListener("htmx:afterSwap", showSelection);
