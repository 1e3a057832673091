// What is unread, as #unread in the navigation says it. Pages without an organization's navigation have no such element.

import { one } from "../common/dom.js";

export const unreadBox = one("#unread");

// Returns the number to show (empty for none), the server's time in seconds, and for each conversation by id how many messages are
// unread and when the latest was written.
export function readUnread() {
  const element = one("[data-unread]", unreadBox);
  const rows = JSON.parse(element?.dataset.unread ?? "[]");
  return {
    badge: rows.length ? one("[data-figures]", element).textContent : "",
    now: Number(element?.dataset.now ?? 0),
    conversations: new Map(rows.map(([id, messages, latestAt]) => [String(id), { messages, latestAt }])),
  };
}

const RECENT = 600; // seconds

// Returns the conversations of `current` with new messages. Older messages that appear only now, such as those of an outage, are no
// reason for an alert, unless they are newer than every unread message before.
export function newMessages(current, before) {
  const newest = Math.max(0, ...[...before.values()].map(({ latestAt }) => latestAt));
  const isNew = ([id, { messages, latestAt }]) =>
    messages > (before.get(id)?.messages ?? 0) && (latestAt > newest || current.now - latestAt < RECENT);
  return new Map([...current.conversations].filter(isNew));
}
