// After taking over a conversation, staff write. The button that had the focus is gone by then.

import { body } from "../common/dom.js";
import { answerForm, textField } from "./elements.js";
import { hasKeyboard } from "./enter_key.js";

body.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (!detail.successful || !target.matches("[data-take-over]")) return;
  if (answerForm() && hasKeyboard()) textField().focus({ preventScroll: true });
});
