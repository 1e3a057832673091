// Scrolls a box with a diagram sideways, so that its first step is in the middle.

import { one } from "../common/dom.js";

export function showFirstStep(box) {
  const step = one("[data-diagram-step]", box)?.getBoundingClientRect();
  if (!step) return;
  const sides = box.getBoundingClientRect();
  box.scrollLeft += step.left + step.width / 2 - sides.left - sides.width / 2;
}
