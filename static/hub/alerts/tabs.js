// Several tabs of the hub: one of them alerts, and none if one of them shows the conversation.

import { readJson, writeJson } from "../common/browser_storage.js";
import { wait } from "../common/delays.js";
import { one } from "../common/dom.js";
import { unreadBox } from "./unread.js";

const RESPONSE_TIME = 200; // milliseconds for other tabs to say that they show a conversation
const MAX_RANDOM_DELAY = 1_000;

export const channelName = `hub-alerts:${unreadBox?.dataset.user}:${unreadBox?.dataset.organization}`;
const channel = unreadBox && new BroadcastChannel(channelName);

// Returns the id of the conversation that this tab shows.
export function visibleConversation() {
  return document.hidden ? "" : (one("[data-conversation]")?.dataset.conversation ?? "");
}

// Runs `act` in one tab at a time. Without https there are no locks; a random delay makes it unlikely that two run together.
export async function runExclusively(act) {
  if (navigator.locks) {
    await navigator.locks.request(channelName, act);
    return;
  }
  await wait(MAX_RANDOM_DELAY * Math.random());
  await act();
}

const alertMark = ({ messages, latestAt }) => `${messages} ${latestAt}`;

// Returns the ids of the conversations whose messages a tab has alerted about.
export function alreadyAlerted(conversations) {
  const marks = readJson(channelName, {});
  return [...conversations].filter(([id, each]) => marks[id] === alertMark(each)).map(([id]) => id);
}

// Must run before the alert. Marks of conversations that are not unread any more are removed. Without storage, each tab alerts.
export function rememberAlerts(conversations, isUnread) {
  const remaining = Object.entries(readJson(channelName, {})).filter(([id]) => isUnread(id));
  const added = [...conversations].map(([id, each]) => [id, alertMark(each)]);
  writeJson(channelName, Object.fromEntries([...remaining, ...added]));
}

// Returns the ids that other tabs show.
export async function visibleInOtherTabs(ids) {
  const visible = [];
  const note = ({ data }) => {
    if (data.shows) visible.push(data.shows);
  };
  channel.addEventListener("message", note);
  channel.postMessage({ asks: ids });
  await wait(RESPONSE_TIME);
  channel.removeEventListener("message", note);
  return visible;
}

channel?.addEventListener("message", ({ data }) => {
  if (data.asks?.includes(visibleConversation())) channel.postMessage({ shows: visibleConversation() });
});
