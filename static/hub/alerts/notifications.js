// The browser's notifications: one for each conversation.

import { one } from "../common/dom.js";
import { channelName } from "./tabs.js";
import { unreadBox } from "./unread.js";

const MAX_NOTIFICATIONS = 3; // of more conversations at once, one notification says how many they are

const notifications = new Map(); // by conversation

export async function notify(ids) {
  if (ids.length > MAX_NOTIFICATIONS) {
    show("", { title: "WhatsApp Hub", body: unreadBox.dataset.many.replace("{n}", ids.length) });
    return;
  }
  const url = `${unreadBox.dataset.notificationsUrl}?${new URLSearchParams(ids.map((id) => ["contact", id]))}`;
  const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok) return;
  for (const content of (await response.json()).notifications) show(String(content.contact), content);
}

export function closeReadNotifications(isUnread) {
  for (const [id, notification] of notifications) if (!isUnread(id)) notification.close();
}

function show(id, { title, body: text, url }) {
  const options = {
    body: text,
    tag: `${channelName}:${id}`,
    renotify: true,
    silent: true,
    icon: unreadBox.dataset.icon,
  };
  try {
    const notification = new Notification(title, options);
    notification.onclick = () => openConversation(notification, id, url);
    notifications.set(id, notification);
  } catch {
    // Chrome on Android allows them to installed applications only.
  }
}

function openConversation(notification, id, url) {
  focus();
  notification.close();
  if (!url) return;
  const row = one(`[data-row="${id}"] > a`);
  if (row) row.click();
  else location.assign(url);
}
