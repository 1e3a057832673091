// The bell above the conversations: which alerts this user wants, and what this browser allows.

import { all, body, onClick, one, placePopover } from "../common/dom.js";
import { playSound } from "./sound.js";
import { unreadBox } from "./unread.js";

// Browsers show the question about notifications only after a click.
async function requestPermission(form) {
  if (window.Notification?.permission === "default") await Notification.requestPermission();
  showPermission(form);
}

function showPermission(form) {
  const isWanted = form.elements.alert_notifications.checked;
  const permission = window.Notification && window.isSecureContext ? Notification.permission : "missing";
  for (const part of all("[data-alerts-state]", form))
    part.hidden = !isWanted || part.dataset.alertsState !== permission;
}

body.addEventListener("change", ({ target }) => {
  const form = target.closest?.("[data-alerts]");
  if (!form) return;
  unreadBox.toggleAttribute("data-sound", form.elements.alert_sound.checked);
  unreadBox.toggleAttribute("data-notifications", form.elements.alert_notifications.checked);
  if (target.name === "alert_sound" && target.checked) playSound();
  if (target.name === "alert_notifications" && target.checked) requestPermission(form);
  else showPermission(form);
});

onClick({ "[data-allow-notifications]": (button) => requestPermission(button.form) });

document.addEventListener(
  "toggle",
  ({ target, newState }) => {
    if (target.id !== "alert-switches" || newState !== "open") return;
    showPermission(one("form", target));
    placePopover(target, one("[data-alerts-button]"));
  },
  true,
);
