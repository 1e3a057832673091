// The composer follows the service window. The server decides whether the window is open. The browser's clock only decides when to ask.

import { body, one } from "../common/dom.js";
import { composer } from "./elements.js";

const MARGIN = 60_000; // milliseconds before the end of the window from which the server is asked
const MIN_INTERVAL = 10_000; // milliseconds between two requests
let requestedAt = 0;

function checkWindow() {
  const bar = one("#window-bar");
  if (!bar) return;
  const box = composer();
  const { mode, until } = bar.dataset;
  const isEnding = mode === "free" && Number(until) - Date.now() < MARGIN;
  if (isEnding && Date.now() - requestedAt > MIN_INTERVAL) {
    requestedAt = Date.now();
    htmx.trigger(bar, "hub:refresh");
  }
  if (mode === box.dataset.composer || one("[data-send]:disabled", box)) return;
  const isFillingTemplate = one("#panel-template:not([hidden]) form[enctype]"); // its composer stays until the template is sent
  if (!isFillingTemplate) htmx.trigger(box, "hub:compose");
  else if (mode === "free") one("[data-window-opened]").classList.replace("hidden", "flex");
}
body.addEventListener("hub:times", checkWindow);
