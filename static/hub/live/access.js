// The end of access: one notice, whichever request finds out first.

import { all, body, one } from "../common/dom.js";
import { showToast } from "../pages/toasts.js";

const isRefused = (status) => status === 403 || status === 404;
const isSignInUrl = (url) => /\/accounts\/login\//.test(url ?? "");
const closing = new AbortController(); // ends what the page still does for itself
let pendingCheck = null;

export const isPageClosed = () => closing.signal.aborted;
export const whenPageCloses = (act) => closing.signal.addEventListener("abort", act);

// `reason`: a value of `data-reason` in the notice.
function closePage(reason) {
  closing.abort();
  one("#offline").hidden = true;
  const notice = one("#page-closed");
  for (const section of all("[data-reason]", notice)) section.hidden = section.dataset.reason !== reason;
  if (!notice.open) notice.showModal();
}

// Returns whether the user still has access to the organization. Simultaneous calls share one request.
export function checkAccess() {
  pendingCheck ??= requestAccess().finally(() => {
    pendingCheck = null;
  });
  return pendingCheck;
}

export const accessCheck = () => pendingCheck; // null if none is running

async function requestAccess() {
  try {
    const response = await fetch(body.dataset.access, { cache: "no-store", redirect: "manual" });
    if (response.type === "opaqueredirect") closePage("signed-out");
    else if (isRefused(response.status)) closePage("no-access");
    return response.status === 204;
  } catch {
    return false; // no connection: not the end of access
  }
}

async function explainRefusal({ detail }) {
  if (!isRefused(detail.xhr?.status)) return;
  const hasAccess = await checkAccess();
  if (!hasAccess) return;
  if (detail.elt.matches?.("[data-live]")) closePage("gone");
  else showToast(body.dataset.refused, "alert-error");
}
body.addEventListener("htmx:responseError", explainRefusal);

body.addEventListener("htmx:beforeOnLoad", (event) => {
  if (!isSignInUrl(event.detail.xhr.getResponseHeader("HX-Redirect"))) return;
  event.preventDefault(); // the text that is being written stays on the screen
  closePage("signed-out");
});

// A closed page makes no requests.
body.addEventListener("htmx:beforeRequest", (event) => {
  if (!isPageClosed()) return;
  event.preventDefault();
  const notice = one("#page-closed");
  if (event.detail.requestConfig.triggeringEvent && !notice.open) notice.showModal();
});
