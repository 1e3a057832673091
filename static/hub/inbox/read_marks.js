// Sends how far staff has read each conversation. It goes on when another conversation is opened meanwhile.

import { jitter, wait } from "../common/delays.js";
import { one } from "../common/dom.js";

const MAX_RETRY_DELAY = 60; // seconds
const TIMEOUT = 30_000; // milliseconds
const marks = new Map(); // by URL

// `upTo`: id of the last webhook that was read. With `isRepeated` it is sent even if the server has it: messages with smaller ids may
// have been moved into this conversation since.
export function markRead(url, upTo, { isRepeated = false } = {}) {
  if (!marks.has(url)) marks.set(url, { wanted: 0, stored: 0, isBusy: false, failures: 0 });
  const mark = marks.get(url);
  if (isRepeated) mark.stored = 0;
  mark.wanted = Math.max(mark.wanted, upTo);
  return send(url, mark);
}

async function send(url, mark) {
  while (!mark.isBusy && mark.wanted > mark.stored) {
    mark.isBusy = true;
    const upTo = mark.wanted;
    const status = await post(url, upTo);
    const mayRetry = status === 0 || status === 429 || status >= 500;
    if (mayRetry) {
      mark.failures += 1;
      await wait(Math.min(MAX_RETRY_DELAY, 2 ** mark.failures) * 1000 * jitter());
    } else if (status === 204) {
      mark.stored = Math.max(mark.stored, upTo);
      mark.failures = 0;
    }
    mark.isBusy = false;
    if (!mayRetry && status !== 204) return;
  }
}

// Returns the status of the response, 0 without one.
function post(url, upTo) {
  const headers = { "X-CSRFToken": one("meta[name=csrf-token]").content };
  const body = new URLSearchParams({ up_to: upTo });
  const options = { method: "POST", headers, body, keepalive: true, signal: AbortSignal.timeout(TIMEOUT) };
  return fetch(url, options).then(
    (response) => response.status,
    () => 0,
  );
}
