// Links from the list of errors of a form to its fields.

import { onClick, one } from "./dom.js";

export function installWrongFieldLinks() {
  // Not by the link itself, because going to another part of the page counts as going back or forward.
  onClick({
    "[data-wrong-field]": (link, event) => {
      event.preventDefault();
      const field = one(link.hash);
      field.closest("details")?.setAttribute("open", "");
      if (!field.matches("input, select, textarea")) field.tabIndex = -1;
      field.focus();
    },
  });
}
