// The page of a number's automatic messages. Without it the form works, with fewer rows.

import { installPlaceholders } from "./automatic/placeholders.js";
import { installRows } from "./automatic/rows.js";
import { installUnsavedSign } from "./automatic/unsaved.js";
import { installWeek } from "./automatic/week.js";
import { onClick, one } from "./common/dom.js";

installPlaceholders();
installRows();
installWeek();
installUnsavedSign(one("form[data-unsaved]"));
// Not by the link itself, because going to another part of the page counts as going back or forward.
onClick({
  "[data-wrong-field]": (link, event) => {
    event.preventDefault();
    const field = one(link.hash);
    if (!field.matches("input, select, textarea")) field.tabIndex = -1;
    field.focus();
  },
});

// A search brought other contacts to choose from: the previews are of the first of them.
document.body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "preview-contact") target.dispatchEvent(new Event("change", { bubbles: true }));
});
