// Counters below text fields. A character is what Python and WhatsApp count, not a unit of UTF-16.

import { one } from "../common/dom.js";

export const lengthOf = (text) => [...text].length;

export function updateCounter(field, counter) {
  const length = lengthOf(field.value);
  const limit = Number(field.dataset.limit);
  counter.textContent = `${length}/${limit}`;
  counter.classList.toggle("bot-counter-over", length > limit);
}

document.addEventListener("input", ({ target }) => {
  const counter = target.dataset?.limit && one(`[data-counter="${CSS.escape(target.id)}"]`);
  if (counter) updateCounter(target, counter);
});
