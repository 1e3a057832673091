// What the scripts of the pages share.

export const body = document.body;
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const one = (selector, root = document) => root.querySelector(selector);
export const tell = (text, kind) => body.dispatchEvent(new CustomEvent("hub:toast", { detail: { words: text, kind } }));

export function placeBeside(popover, anchor) { // above the anchor if there is room, and always in sight
  const at = anchor.getBoundingClientRect();
  const size = popover.getBoundingClientRect();
  const top = at.top > size.height + 8 ? at.top - size.height - 4 : Math.min(at.bottom + 4, innerHeight - size.height - 8);
  popover.style.top = `${Math.max(8, top)}px`;
  popover.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
}
