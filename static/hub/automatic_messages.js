// The page of a number's automatic messages. Without it the form works, with fewer rows.

import { installPlaceholders } from "./automatic/placeholders.js";
import { installRows } from "./automatic/rows.js";
import { installWeek } from "./automatic/week.js";
import { installWrongFieldLinks } from "./common/wrong_fields.js";

installPlaceholders();
installRows();
installWeek();
installWrongFieldLinks();

// A search brought other contacts to choose from: the previews are of the first of them.
document.body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "preview-contact") target.dispatchEvent(new Event("change", { bubbles: true }));
});
