// The messages of the open conversation: they stay at their end when something changes its height, and are one stop of the Tab key.

import { all, body } from "../common/dom.js";
import { isAtEnd, scrollToEnd, threadBox } from "./thread_position.js";

const FOCUSABLE = "a[href], button, summary, audio, video, input, textarea, [tabindex]";

// ---- The end

let observedBox = null;
let wasAtEnd = true;

const rememberEnd = () => {
  wasAtEnd = isAtEnd(observedBox);
};

// Runs before the scroll event of the same change, so `wasAtEnd` is still what it was before.
const heights = new ResizeObserver(() => {
  if (observedBox?.isConnected && wasAtEnd) scrollToEnd(observedBox);
});

function observeHeights() {
  const box = threadBox();
  if (box && box !== observedBox) {
    heights.disconnect();
    observedBox = box;
    rememberEnd();
    box.addEventListener("scroll", rememberEnd, { passive: true });
    heights.observe(box);
  }
  if (box) for (const part of all("[data-part]", box)) heights.observe(part);
}

// ---- One stop: arrow keys move between messages, Tab moves inside the focused one

const messages = () => all(".message", threadBox());
let focusedId = ""; // of the message to which Tab moves

function updateTabStops() {
  if (!threadBox()) return;
  const shown = messages();
  const stop = shown.find((message) => message.id === focusedId) ?? shown.at(-1);
  threadBox().tabIndex = stop ? -1 : 0;
  for (const message of shown) {
    const tabIndex = message === stop ? 0 : -1;
    for (const element of [message, ...all(FOCUSABLE, message)]) {
      if (element.getAttribute("tabindex") !== String(tabIndex)) element.tabIndex = tabIndex;
    }
  }
}

body.addEventListener("focusin", ({ target }) => {
  const message = target.closest?.("#thread .message");
  if (!message || message.id === focusedId) return;
  focusedId = message.id;
  updateTabStops();
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("#thread .message") || event.altKey || event.ctrlKey || event.metaKey) return;
  const shown = messages();
  const index = shown.indexOf(event.target);
  const next = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: shown.length - 1 }[event.key];
  if (next === undefined || !shown[next]) return;
  event.preventDefault();
  shown[next].focus();
  shown[next].scrollIntoView({ block: "nearest" });
});

function update() {
  observeHeights();
  updateTabStops();
}
body.addEventListener("htmx:afterSettle", update); // of the whole conversation, of a part, of older messages
body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id !== "conversation") return;
  focusedId = "";
  update();
});
update();
