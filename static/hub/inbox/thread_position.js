// Where the thread stands: the part of the open conversation that scrolls.

import { one } from "../common/dom.js";

const END_TOLERANCE = 80; // pixels

export const threadBox = () => one("#thread");
export const distanceToEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight;
export const isAtEnd = (box) => distanceToEnd(box) < END_TOLERANCE;

export function scrollToEnd(box) {
  box.scrollTop = box.scrollHeight;
}
