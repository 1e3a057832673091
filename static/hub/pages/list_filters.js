// The filters of a list are in the URL of the page, and in the links and forms that lead back to it.

import { body, onClick, one } from "../common/dom.js";
import { filtersOf } from "../common/filters.js";

body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = detail.elt;
  if (!form.matches?.("[data-filters]")) return;
  const filters = new URLSearchParams(filtersOf(form));
  history.replaceState(history.state, "", `${location.pathname}${filters.size ? `?${filters}` : ""}`);
  const exportLink = one("[data-export]");
  if (exportLink) exportLink.search = filters.toString();
  const back = one("[data-bulk] [name=back]");
  if (back) back.value = location.pathname + location.search;
});

// On a phone, the filters of the contacts are behind a button.
onClick({
  "[data-show-filters]": (button) => button.setAttribute("aria-expanded", button.ariaExpanded !== "true"),
});
