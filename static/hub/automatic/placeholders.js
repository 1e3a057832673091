// Buttons that insert a placeholder into the text of their message, where the cursor is.

import { onClick, one } from "../common/dom.js";

export function installPlaceholders() {
  onClick({
    "[data-insert]": (button) => {
      const field = one("textarea", button.closest("[data-message]"));
      field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
  });
}
