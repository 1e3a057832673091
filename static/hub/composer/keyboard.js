// Keys in the composer: Enter, the list of canned replies, and the tabs.

import { one } from "../common/dom.js";
import { handleListKey } from "../pickers/canned_reply_list.js";
import { composer, composerData } from "./elements.js";
import { doesEnterSend, noteKey } from "./enter_key.js";
import { moveBetweenTabs } from "./tabs.js";

const IME_KEY_CODE = 229; // of a key that an input method handles

document.addEventListener(
  "keydown",
  (event) => {
    noteKey(event);
    if (!composer() || event.isComposing || event.keyCode === IME_KEY_CODE) return;
    if (event.key === "Escape" && one(":popover-open")) {
      event.stopPropagation(); // it closes the popover
      return;
    }
    if (event.target.matches("[role=tab]")) moveBetweenTabs(event);
    if (!event.target.matches("[data-text], [data-note-text]")) return;
    if (event.target.matches("[data-text]") && handleListKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && doesEnterSend(event, composerData("enter"))) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  },
  true,
);
