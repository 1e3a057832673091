// Access to the document.

export const body = document.body;
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const one = (selector, root = document) => root.querySelector(selector);

// Runs an action for each click inside an element that matches its selector. `actions`: selector → (element, event) => …
export function onClick(actions) {
  document.addEventListener("click", (event) => {
    for (const [selector, act] of Object.entries(actions)) {
      const element = event.target.closest?.(selector);
      if (element) act(element, event);
    }
  });
}

// Places a popover above its anchor if there is room, otherwise below it, and always inside the window.
export function placePopover(popover, anchor) {
  const anchorBox = anchor.getBoundingClientRect();
  const size = popover.getBoundingClientRect();
  const below = Math.min(anchorBox.bottom + 4, innerHeight - size.height - 8);
  const top = anchorBox.top > size.height + 8 ? anchorBox.top - size.height - 4 : below;
  popover.style.top = `${Math.max(8, top)}px`;
  popover.style.left = `${Math.max(8, Math.min(anchorBox.left, innerWidth - size.width - 8))}px`;
}
