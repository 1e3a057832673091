// The messages of the open conversation: they stay at their end when something changes its height, and are one stop of the Tab key.

import { all, body, one } from "./dom.js";

const NEAR = 80; // pixels from the end that still count as the end
const STOPS = "a[href], button, summary, audio, video, input, textarea, [tabindex]";

const thread = () => one("#thread");

// ---- The end ------------------------------------------------------------------------------------------------------------------------------

let watched = null;
let isAtEnd = true;

const noteEnd = () => { isAtEnd = watched.scrollHeight - watched.scrollTop - watched.clientHeight < NEAR; };

const heights = new ResizeObserver(() => { // before the browser says that it scrolled, so that what was so is still known
  if (watched?.isConnected && isAtEnd) watched.scrollTop = watched.scrollHeight;
});

function watch() {
  const box = thread();
  if (box && box !== watched) {
    heights.disconnect();
    watched = box;
    noteEnd();
    box.addEventListener("scroll", noteEnd, { passive: true });
    heights.observe(box);
  }
  if (box) for (const part of all("[data-part]", box)) heights.observe(part);
}

// ---- One stop: arrows go from message to message, Tab to what the one that has the focus offers --------------------------------------------------

const messages = () => all(".message", thread());
let chosen = ""; // the id of the message that Tab leads to

function current() {
  const all = messages();
  return all.find((message) => message.id === chosen) ?? all.at(-1);
}

function rove() {
  if (!thread()) return;
  const stop = current();
  thread().tabIndex = stop ? -1 : 0;
  for (const message of messages()) {
    const isStop = message === stop;
    message.tabIndex = isStop ? 0 : -1;
    for (const element of all(STOPS, message)) element.tabIndex = isStop ? 0 : -1;
  }
}

body.addEventListener("focusin", ({ target }) => {
  const message = target.closest?.("#thread .message");
  if (!message || message.id === chosen) return;
  chosen = message.id;
  rove();
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("#thread .message") || event.altKey || event.ctrlKey || event.metaKey) return;
  const shown = messages();
  const at = shown.indexOf(event.target);
  const next = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: shown.length - 1 }[event.key];
  if (next === undefined || !shown[next]) return;
  event.preventDefault();
  shown[next].focus();
  shown[next].scrollIntoView({ block: "nearest" });
});

function changed() {
  watch();
  rove();
}
body.addEventListener("htmx:afterSettle", changed); // of the whole conversation, of a part, of older messages
body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id !== "conversation") return;
  chosen = "";
  changed();
});
changed();
