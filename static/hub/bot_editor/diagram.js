// The diagram: zoom by buttons, Ctrl and the mouse wheel, or + and - with the focus in it.

import { body, onClick, one } from "../common/dom.js";
import { showFirstStep } from "./first_step.js";
import { fitScale, nextScale } from "./zoom.js";

const READABLE = 0.7; // scale
const state = { scale: 1, isChosen: false, isOutdated: false };
const box = () => one("[data-diagram-scroll]");
const picture = () => one("[data-diagram]", box());

function sizeOf(svg) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  return { width, height };
}

function draw() {
  const svg = picture();
  if (!svg) return;
  const { width, height } = sizeOf(svg);
  svg.setAttribute("width", Math.round(width * state.scale));
  svg.setAttribute("height", Math.round(height * state.scale));
  one("[data-zoom-level]").textContent = `${Math.round(state.scale * 100)} %`;
}

function fit(minimum) {
  const svg = picture();
  if (!svg || !box().clientWidth) return;
  state.scale = fitScale(sizeOf(svg), { width: box().clientWidth, height: box().clientHeight }, minimum);
  draw();
}

// The first step is in the middle, and everything can be read.
function showStart() {
  fit(READABLE);
  showFirstStep(box());
}

// Keeps what is in the middle of the box in its middle.
function zoom(direction) {
  const before = state.scale;
  state.scale = nextScale(before, direction);
  state.isChosen = true;
  const ratio = state.scale / before;
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = box();
  draw();
  box().scrollLeft = (scrollLeft + clientWidth / 2) * ratio - clientWidth / 2;
  box().scrollTop = (scrollTop + clientHeight / 2) * ratio - clientHeight / 2;
}

function show() {
  if (state.isChosen) draw();
  else showStart();
}

onClick({
  "[data-zoom=in]": () => zoom(1),
  "[data-zoom=out]": () => zoom(-1),
  "[data-zoom=fit]": () => {
    state.isChosen = true;
    fit(0);
  },
});

box().addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1 : -1);
  },
  { passive: false },
);
box().addEventListener("keydown", (event) => {
  if (event.target !== box() || event.ctrlKey || event.metaKey) return;
  if (event.key === "+" || event.key === "=") zoom(1);
  if (event.key === "-") zoom(-1);
});

// A diagram that is out of sight is fetched when it is shown.
one("#diagram").addEventListener("htmx:confirm", (event) => {
  state.isOutdated = !box().clientWidth;
  if (state.isOutdated) event.preventDefault();
});
body.addEventListener("hub:tab", ({ detail }) => {
  if (detail !== "diagram") return;
  if (state.isOutdated) htmx.trigger(one("#diagram"), "hub:diagram");
  show();
});
one("#diagram").addEventListener("htmx:afterSwap", show);
new ResizeObserver(() => {
  if (!state.isChosen) showStart();
}).observe(box());
show();
