// The number in the title of the page, and the dot on its icon.

import { one } from "../common/dom.js";
import { unreadBox } from "./unread.js";

const PREFIX = /\(\d+\+?\)\u00a0/g; // the no-break space keeps it apart from the title itself
const icon = one("link[rel=icon]");
const plainIcon = icon?.href;
let badge = "";

export function showBadge(text) {
  badge = text;
  drawTitle();
  const url = badge ? unreadBox.dataset.icon : plainIcon;
  if (icon && icon.href !== new URL(url, location).href) icon.href = url;
}

// Must run again after another script has set the title.
export function drawTitle() {
  const title = (badge ? `(${badge})\u00a0` : "") + document.title.replace(PREFIX, "");
  if (document.title !== title) document.title = title;
}
