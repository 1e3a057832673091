// Buttons that fill in the address of a known service.

import { onClick, one } from "../common/dom.js";

export function installPresets() {
  onClick({
    "[data-preset]": (button) => {
      const form = button.closest("form");
      one("input[name=base_url]", form).value = button.dataset.preset;
      one("input[name=model]", form).focus();
    },
  });
}
