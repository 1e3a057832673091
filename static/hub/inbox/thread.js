// The open conversation: its row in the list, its title, where the thread stands, older messages, new ones, and what has been read.

import { all, body, onClick, one } from "../common/dom.js";
import { toggleContactPane } from "../pages/contact_pane.js";
import { markRead } from "./read_marks.js";
import { distanceToEnd, isAtEnd, scrollToEnd, threadBox } from "./thread_position.js";

const PILL_DISTANCE = 600; // pixels from the end at which the button that leads to the end appears
const OLDER_DISTANCE = 150; // pixels from the beginning at which older messages are fetched
const HIGHLIGHT_TIME = 2_000; // milliseconds

const position = { isAtEnd: true, height: 0, top: 0 };
const unseen = { known: new Set(), count: 0 }; // ids of inbound messages; how many of them were added below what is shown

// ---- Row and title

function markOpenRow() {
  const id = one("[data-conversation]")?.dataset.conversation;
  for (const row of all("[data-row] > .row")) {
    if (row.parentElement.dataset.row === id) row.setAttribute("aria-current", "page");
    else row.removeAttribute("aria-current");
  }
  one("[data-inbox]")?.toggleAttribute("data-open", Boolean(id));
  one("nav")?.classList.toggle("max-md:hidden", Boolean(id));
}

// The contact's name may change while the conversation is open.
function showName() {
  const name = one("#conversation-heading").dataset.title;
  one("[data-conversation]").dataset.title = name;
  document.title = `${name} · ${document.title.split(" · ").slice(-2).join(" · ")}`;
}
body.addEventListener("htmx:oobAfterSwap", ({ detail }) => {
  if (detail.target.id === "conversation-heading") showName();
});

// ---- Opening

function showConversation() {
  const box = threadBox();
  markOpenRow();
  if (!box) return;
  showName();
  unseen.known = new Set(all("[data-inbound]", box).map((message) => message.id));
  unseen.count = 0;
  showPill();
  const target = box.dataset.jump ? document.getElementById(box.dataset.jump) : one("#unread-line", box);
  if (target) {
    target.scrollIntoView({ block: "center" });
    if (box.dataset.jump) target.classList.add("message-target");
  } else scrollToEnd(box);
  position.isAtEnd = isAtEnd(box);
  box.addEventListener("scroll", onScroll, { passive: true });
  updateReadMark({ isRepeated: true });
}

// ---- Scrolling

function onScroll() {
  position.isAtEnd = isAtEnd(threadBox());
  if (position.isAtEnd && unseen.count) {
    unseen.count = 0;
    updateReadMark();
  }
  showPill();
  loadOlder();
}

// Older messages are fetched when the first message is near, which it also is if all of them fit into the window.
function loadOlder() {
  const box = threadBox();
  const button = box && one("[data-load-older]:not([data-asked])", box);
  if (button && box.clientHeight && box.scrollTop < OLDER_DISTANCE) htmx.trigger(button, "hub:older");
}
body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.elt.matches?.("[data-load-older]")) detail.elt.dataset.asked = "yes";
});
body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful && detail.elt.matches?.("[data-load-older]")) delete detail.elt.dataset.asked;
});
// htmx ignores events of a button that it has not processed yet. After that there may be no scrolling that would call it again.
// It comes for each new element, and to ask for positions then would compute the layout each time: once a frame is enough.
let isLoadDue = false;
body.addEventListener("htmx:load", () => {
  if (isLoadDue) return;
  isLoadDue = true;
  requestAnimationFrame(() => {
    isLoadDue = false;
    loadOlder();
  });
});

// A part that is fetched again does not know about the older parts above it.
function removeExtraBeginnings() {
  for (const part of all("[data-part]").slice(1)) one("[data-older], [data-beginning]", part)?.remove();
}

function showPill() {
  const pill = one("#new-messages");
  if (!pill) return;
  pill.classList.toggle("hidden", !unseen.count && distanceToEnd(threadBox()) <= PILL_DISTANCE);
  const words = one("[data-words]", pill);
  const { none, one: single, many } = words.dataset;
  words.textContent = [none, single][unseen.count] ?? many.replace("{n}", unseen.count);
}

// ---- New messages

// Announces new inbound messages to screen readers, and scrolls to them or shows their number.
function showNewMessages() {
  const box = threadBox();
  if (!box) return;
  const fresh = all("[data-inbound]", box).filter((message) => !unseen.known.has(message.id));
  for (const message of fresh) unseen.known.add(message.id);
  if (position.isAtEnd) scrollToEnd(box);
  else unseen.count += fresh.length;
  if (fresh.length) {
    const text = one(".bubble", fresh.at(-1))?.innerText ?? "";
    one("#announcer").textContent = `${one("[data-conversation]").dataset.title}: ${text}`;
    updateReadMark({ isRepeated: true });
  }
  showPill();
}

// Only messages that are on the screen count as read.
function updateReadMark(options) {
  const box = threadBox();
  if (!box || document.hidden || !(position.isAtEnd || one("#unread-line", box))) return;
  const upTo = Math.max(...all("[data-part]", box).map((part) => Number(part.dataset.upTo)));
  markRead(one("[data-conversation]").dataset.read, upTo, options);
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) updateReadMark();
});

// ---- Parts that are fetched

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const box = threadBox();
  if (!box?.contains(detail.target)) return;
  Object.assign(position, { height: box.scrollHeight, top: box.scrollTop, isAtEnd: isAtEnd(box) });
});

body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const { elt, target, requestConfig } = detail;
  removeExtraBeginnings();
  if (target.id === "conversation") {
    showConversation();
    const isByKeyboard = requestConfig.triggeringEvent?.detail === 0;
    if (isByKeyboard) one("[data-heading]")?.focus({ preventScroll: true });
  } else if ([elt, requestConfig.elt].some((element) => element?.matches?.("[data-load-older]"))) {
    const box = threadBox();
    requestConfig.elt.closest("[data-older]")?.remove();
    for (const message of all("[data-inbound]", box)) unseen.known.add(message.id);
    box.scrollTop = position.top + box.scrollHeight - position.height;
  } else if (threadBox()?.contains(target) || target.matches?.("[data-part]")) showNewMessages();
  markOpenRow();
});

body.addEventListener("hub:sent", () => {
  const box = threadBox();
  if (box) scrollToEnd(box);
  position.isAtEnd = true;
  body.dispatchEvent(new Event("hub:changed"));
});

// ---- Clicks

function jumpToMessage(link, event) {
  const target = document.getElementById(link.dataset.jumpTo);
  event.preventDefault();
  if (!target) {
    location.assign(link.dataset.fallback);
    return;
  }
  target.scrollIntoView({ block: "center" });
  target.classList.add("message-target");
  setTimeout(() => target.classList.remove("message-target"), HIGHLIGHT_TIME);
}

onClick({
  "[data-toggle-pane]": () => toggleContactPane(),
  "[data-to-bottom]": () => threadBox().scrollTo({ top: threadBox().scrollHeight, behavior: "smooth" }),
  "[data-jump-to]": jumpToMessage,
});

showConversation();
