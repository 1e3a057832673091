// The first steps: the simulator's phone opens in a small window at the right of this one. Without space for it, it opens in a tab. While a
// search or a filter is set, they are folded, so that its results are in view.

import { onClick, one } from "./common/dom.js";
import { filtersOf } from "./common/filters.js";

const WIDTH = 420;

function openPhone(link, event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || screen.availWidth < 2 * WIDTH) return;
  const height = Math.min(900, screen.availHeight);
  const left = Math.max(0, Math.min(screenX + outerWidth, screen.availWidth) - WIDTH);
  const top = Math.max(0, screenY);
  const phone = window.open(link.href, link.target, `popup,width=${WIDTH},height=${height},left=${left},top=${top}`);
  if (!phone) return; // the browser refused it; the link opens a tab
  event.preventDefault();
  phone.focus();
}

onClick({ "a[data-beside]": openPhone });

const steps = () => one("#first-steps details");
let foldedByFilter = false;

function foldWhileFiltered() {
  const isFiltered = filtersOf(one("#filters")).length > 0;
  if (isFiltered === foldedByFilter || !steps()) return;
  if (isFiltered && !steps().open) return; // staff has folded them
  foldedByFilter = isFiltered;
  steps().open = !isFiltered;
}

one("#filters").addEventListener("input", foldWhileFiltered);
foldWhileFiltered();
