// The parts of the page that are fetched again when something has changed.

import { all, body } from "../common/dom.js";
import { isPageClosed } from "./access.js";

// Fetched even out of sight: these bring other parts of the page with them, or are announced.
const ALWAYS_FETCHED = "[data-latest], #list-live, [hx-select-oob]";
const MARGIN = 200; // pixels around the window in which a part counts as visible
const TIMEOUT = 10_000; // milliseconds
const CHECK_INTERVAL = 200;
const state = { isBusy: false, isOutdated: false };

function isOnScreen(part) {
  const box = part.getBoundingClientRect();
  return box.bottom > -MARGIN && box.top < innerHeight + MARGIN && box.width > 0;
}

function refresh(part) {
  htmx.process(part); // htmx itself does so only some milliseconds after new content is on the page
  htmx.trigger(part, "hub:refresh");
}

// Parts that changed out of sight are fetched when they come into sight.
const partsOutOfSight = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      partsOutOfSight.unobserve(target);
      refresh(target);
    }
  },
  { rootMargin: `${MARGIN}px` },
);

function fetchPart(part) {
  return new Promise((resolve) => {
    const started = Date.now();
    const check = setInterval(() => {
      if (!part.isConnected || Date.now() - started > TIMEOUT) finish(); // htmx tells nothing about a part that was removed
    }, CHECK_INTERVAL);
    const finish = () => {
      clearInterval(check);
      part.removeEventListener("htmx:afterRequest", finishOwn);
      resolve();
    };
    const finishOwn = ({ target }) => {
      if (target === part) finish(); // and not something inside it that was fetched
    };
    part.addEventListener("htmx:afterRequest", finishOwn);
    refresh(part);
  });
}

// One round at a time: changes during a round cause one more.
export async function refreshParts() {
  if (isPageClosed()) return;
  if (state.isBusy) {
    state.isOutdated = true;
    return;
  }
  Object.assign(state, { isBusy: true, isOutdated: false });
  const visible = [];
  for (const part of all("[data-live]")) {
    partsOutOfSight.unobserve(part);
    if (part.matches(ALWAYS_FETCHED) || isOnScreen(part)) visible.push(part);
    else partsOutOfSight.observe(part);
  }
  await Promise.allSettled(visible.map(fetchPart));
  state.isBusy = false;
  if (state.isOutdated) refreshParts();
}

body.addEventListener("hub:changed", refreshParts);
