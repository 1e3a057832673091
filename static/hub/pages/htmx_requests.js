// Requests of htmx: the CSRF token, responses that are a whole page, and errors.

import { all, body, one } from "../common/dom.js";
import { showToast } from "./toasts.js";

body.addEventListener("htmx:configRequest", ({ detail }) => {
  detail.headers["X-CSRFToken"] = one("meta[name=csrf-token]").content;
  const counted = detail.elt.dataset?.counts;
  if (counted) detail.parameters.shown = all(counted, detail.elt).length;
});

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const start = detail.xhr.responseText.trimStart().slice(0, 15).toLowerCase();
  const isPage = detail.xhr.status === 200 && start.startsWith("<!doctype");
  if (!isPage || detail.elt.hasAttribute("hx-select")) return;
  detail.shouldSwap = false; // a whole page instead of the requested part
  location.reload();
});

function showFailedRequest({ detail }) {
  const isRefused = [403, 404].includes(detail.xhr?.status);
  if (detail.elt.matches?.("[data-live], [data-quiet]") && !isRefused) return;
  if (!isRefused) showToast(body.dataset.failed, "alert-error");
  else if (!body.dataset.access) showToast(body.dataset.refused, "alert-error"); // with data-access, live/access.js explains it
  const form = detail.elt.closest("form") ?? detail.elt;
  if (!form.matches("form, input")) return;
  for (const input of all("input[type=checkbox], input[type=radio]", form)) input.checked = input.defaultChecked;
}
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"])
  body.addEventListener(name, showFailedRequest);

// Back and forward: the page of that URL is loaded again, as htmx stores no copies of pages. A link to an element of the same page
// fires the event too, and loads nothing.
const withoutFragment = () => location.href.split("#")[0];
let loadedUrl = withoutFragment();
addEventListener("popstate", () => {
  if (withoutFragment() !== loadedUrl) location.reload();
});
body.addEventListener("htmx:pushedIntoHistory", () => {
  loadedUrl = withoutFragment();
});
