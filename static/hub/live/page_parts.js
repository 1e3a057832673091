// The parts of the page that are fetched again when something has changed.

import { wait } from "../common/delays.js";
import { all, body } from "../common/dom.js";
import { isPageClosed } from "./access.js";

// Fetched even out of sight: these bring other parts of the page with them, or are announced.
const ALWAYS_FETCHED = "[data-latest], #list-live, [hx-select-oob]";
const MESSAGES = "[data-latest]";
const REST = 700; // milliseconds
const MARGIN = 200; // pixels around the window in which a part counts as visible
const TIMEOUT = 10_000; // milliseconds
const CHECK_INTERVAL = 200;
const fetching = new WeakSet(); // parts whose request is under way
const outdated = new WeakSet(); // those of them that have changed since it began

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

// One request of a part at a time: changes meanwhile cause one more. A slow part, such as a long list, delays no other. The messages
// of the open conversation come at once. Other parts rest between two requests, so that a busy hub is not asked more than it can answer.
async function keepLatest(part) {
  if (fetching.has(part)) {
    outdated.add(part);
    return;
  }
  const isLatest = part.matches(MESSAGES);
  fetching.add(part);
  outdated.delete(part);
  try {
    await fetchPart(part);
    if (!isLatest) await wait(REST);
  } finally {
    fetching.delete(part);
  }
  if (isPageClosed() || !outdated.delete(part)) return;
  if (part.isConnected && part.matches(MESSAGES) === isLatest) keepLatest(part);
  else refreshParts(); // another element may be in its place, or it was divided
}

// The ETags of messages that are shown: without a change there is no content to compare with the page.
const etags = new WeakMap();
body.addEventListener("htmx:configRequest", ({ detail: { elt, headers } }) => {
  if (etags.has(elt)) headers["If-None-Match"] = etags.get(elt);
});
body.addEventListener("htmx:afterRequest", ({ detail: { elt, xhr } }) => {
  const etag = xhr.status === 200 && elt.matches(MESSAGES) && xhr.getResponseHeader("ETag");
  if (etag) etags.set(elt, etag);
});

export function refreshParts() {
  if (isPageClosed()) return;
  for (const part of all("[data-live]")) {
    partsOutOfSight.unobserve(part);
    // Whether a part is on the screen is asked last, because the browser then computes the layout.
    if (fetching.has(part) || part.matches(ALWAYS_FETCHED) || isOnScreen(part)) keepLatest(part);
    else partsOutOfSight.observe(part);
  }
}

body.addEventListener("hub:changed", refreshParts);
