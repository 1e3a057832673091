// New messages: what #unread says is compared with what it said before.

import { one } from "../common/dom.js";
import { closeReadNotifications, notify } from "./notifications.js";
import { playSound } from "./sound.js";
import { alreadyAlerted, rememberAlerts, runExclusively, visibleConversation, visibleInOtherTabs } from "./tabs.js";
import { drawTitle, showBadge } from "./title_and_icon.js";
import { newMessages, readUnread, unreadBox } from "./unread.js";

let unread = new Map();
const isUnread = (id) => unread.has(id);

export function watchUnread() {
  if (!unreadBox) return;
  const current = readUnread();
  unread = current.conversations; // no alerts about what was there before the page
  showBadge(current.badge);
  new MutationObserver(update).observe(unreadBox, { childList: true });
  new MutationObserver(drawTitle).observe(one("head"), { childList: true, subtree: true, characterData: true });
}

function update() {
  const current = readUnread();
  const fresh = newMessages(current, unread);
  unread = current.conversations;
  showBadge(current.badge);
  closeReadNotifications(isUnread);
  if (fresh.size) alertAbout(fresh);
}

async function alertAbout(conversations) {
  const wantsSound = unreadBox.hasAttribute("data-sound");
  const wantsNotifications =
    unreadBox.hasAttribute("data-notifications") && window.Notification?.permission === "granted";
  conversations.delete(visibleConversation());
  if (!conversations.size || !(wantsSound || wantsNotifications)) return;
  await runExclusively(async () => {
    for (const id of alreadyAlerted(conversations)) conversations.delete(id);
    if (!conversations.size) return;
    for (const id of await visibleInOtherTabs([...conversations.keys()])) conversations.delete(id);
    if (!conversations.size) return;
    rememberAlerts(conversations, isUnread);
    if (wantsSound) playSound();
    if (wantsNotifications) await notify([...conversations.keys()]);
  });
}
