// The reaction picker.

import { body, onClick, one, placePopover } from "../common/dom.js";

let anchor = null; // the link that opened the picker

onClick({
  "[data-react]": (link) => {
    anchor = link;
  },
});

body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id !== "reaction-picker") return;
  target.showPopover();
  placePopover(target, anchor);
  one("button", target)?.focus();
});

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.matches("#reaction-picker details")) placePopover(one("#reaction-picker"), anchor);
  },
  true,
);

body.addEventListener("hub:changed", ({ target }) => {
  if (target.closest?.("#reaction-picker")) one("#reaction-picker").hidePopover();
});
