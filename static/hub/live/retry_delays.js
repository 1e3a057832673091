// How long a page without an event stream waits before it tries again.

const FIRST_DELAY = 3_000; // milliseconds
const MAX_DELAY = 60_000;
const HIDDEN_DELAY = 120_000;

// A process that ends is often replaced at once. After that, delays grow while the hub is reachable, and are longest where the page
// is not visible. `failures` counts from 1.
export function retryDelay({ failures, isReachable, isHidden }) {
  if (failures === 1) return FIRST_DELAY;
  if (!isReachable) return isHidden ? 10 * FIRST_DELAY : FIRST_DELAY;
  return isHidden ? HIDDEN_DELAY : Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(failures - 1, 5));
}
