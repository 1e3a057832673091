// The connection to the hub: the page shows when it is lost and when it is back.

import { wait } from "../common/delays.js";
import { all, body, one } from "../common/dom.js";
import { showToast } from "../pages/toasts.js";
import { refreshParts } from "./page_parts.js";

const MAX_PROBE_DELAY = 300; // milliseconds
const PROBE_TIMEOUT = 1_500;
let connection = "live";

export async function isHubReachable() {
  if (!navigator.onLine) return false;
  await wait(MAX_PROBE_DELAY * Math.random());
  try {
    const options = { cache: "no-store", signal: AbortSignal.timeout(PROBE_TIMEOUT) };
    return (await fetch(body.dataset.probe, options)).status < 500;
  } catch {
    return false;
  }
}

// `state`: "live", "polling" (reachable, but without an event stream) or "offline".
export function showConnection(state) {
  const isBack = connection === "offline" && state !== "offline";
  connection = state;
  const bar = one("#offline");
  bar.hidden = state === "live";
  for (const text of all("[data-connection]", bar)) text.hidden = text.dataset.connection !== state;
  if (!isBack) return;
  showToast(body.dataset.backOnline);
  refreshParts();
}

addEventListener("offline", () => showConnection("offline"));
