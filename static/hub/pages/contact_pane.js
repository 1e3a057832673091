// The pane with the contact's details beside a conversation.

import { all, one } from "../common/dom.js";

export function toggleContactPane(isOpen) {
  const inbox = one("[data-inbox]");
  if (!inbox) return;
  const isShown = inbox.toggleAttribute("data-pane-open", isOpen);
  for (const button of all("[data-toggle-pane]")) button.setAttribute("aria-expanded", String(isShown));
}
