// Reads the event stream of the page, with fetch, because an EventSource shows neither the status of the response nor the comments.

import { jitter } from "../common/delays.js";
import { body } from "../common/dom.js";
import { accessCheck, checkAccess, isPageClosed, whenPageCloses } from "./access.js";
import { isHubReachable, showConnection } from "./connection.js";
import { refreshParts } from "./page_parts.js";
import { retryDelay } from "./retry_delays.js";
import { StreamParser } from "./stream_parser.js";

const MAX_SILENCE = 60_000; // milliseconds; the server sends a comment every 25 seconds
const live = { revision: Number(body.dataset.revision), stream: null, isOpen: false, failures: 0, retryTimer: 0 };

export async function listen() {
  if (isPageClosed()) return;
  clearTimeout(live.retryTimer);
  live.stream?.abort();
  const stream = new AbortController();
  live.stream = stream;
  live.isOpen = false;
  try {
    const headers = { Accept: "text/event-stream" };
    const options = { headers, signal: stream.signal, cache: "no-store", redirect: "manual" };
    const response = await fetch(body.dataset.stream, options);
    if (response.status === 404) await checkAccess();
    if (response.status === 200) await readStream(response.body.getReader(), stream);
  } catch {
    // No connection, or it broke.
  }
  if (live.stream === stream && !isPageClosed()) retryLater(stream);
}

async function readStream(reader, stream) {
  const parser = new StreamParser();
  live.isOpen = true;
  live.failures = 0;
  showConnection("live");
  for (;;) {
    const silence = setTimeout(() => stream.abort(), MAX_SILENCE);
    const { value, done } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    parser.add(value).forEach(applyEvent);
  }
}

function applyEvent({ isEnd, revision }) {
  if (isEnd) {
    checkAccess();
    return;
  }
  if (revision === null || revision === live.revision) return;
  live.revision = revision;
  refreshParts();
}

// While there is no stream, the page is refreshed at each attempt.
async function retryLater(stream) {
  live.isOpen = false;
  await accessCheck();
  if (isPageClosed()) return;
  live.failures += 1;
  const isReachable = await isHubReachable();
  if (live.stream !== stream || isPageClosed()) return;
  if (!isReachable) showConnection("offline");
  else if (live.failures > 1) {
    showConnection("polling");
    refreshParts();
  }
  const delay = retryDelay({ failures: live.failures, isReachable, isHidden: document.hidden });
  live.retryTimer = setTimeout(listen, delay * jitter());
}

function stop() {
  const { stream } = live;
  live.stream = null;
  stream?.abort();
  clearTimeout(live.retryTimer);
}

whenPageCloses(() => {
  live.stream?.abort();
  clearTimeout(live.retryTimer);
});
addEventListener("online", listen);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !live.isOpen) listen();
});
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  refreshParts();
  listen();
});
