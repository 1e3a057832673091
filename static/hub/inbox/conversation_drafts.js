// The list of conversations: the row of a conversation shows its draft. composer/drafts.js stores the drafts.

import { DRAFT_PREFIX, readJson } from "../common/browser_storage.js";
import { all, body, one } from "../common/dom.js";
import { removeMarks } from "../common/text_marks.js";

const MAX_LENGTH = 120;

function showDrafts() {
  for (const row of all("[data-draft-key]")) {
    const isOpen = one(".row", row)?.hasAttribute("aria-current");
    const text = isOpen ? "" : removeMarks((readJson(row.dataset.draftKey, {}).text ?? "").trim()).slice(0, MAX_LENGTH);
    one("[data-draft]", row).hidden = !text;
    one("[data-draft-words]", row).textContent = text;
    row.toggleAttribute("data-has-draft", Boolean(text));
  }
}

// Without an open conversation the title has no name.
function resetTitle() {
  if (one("[data-inbox]") && !one("[data-conversation]"))
    document.title = document.title.split(" · ").slice(-2).join(" · ");
}

body.addEventListener("htmx:afterSettle", () => {
  showDrafts();
  resetTitle();
});
addEventListener("storage", ({ key }) => {
  if (key?.startsWith(DRAFT_PREFIX)) showDrafts();
});
addEventListener("pageshow", showDrafts);
showDrafts();
