// Short messages at the edge of the page.

import { all, body, one } from "../common/dom.js";

const NEW_TOAST_TIME = 6_000; // milliseconds
const FIRST_TOAST_TIME = 8_000; // of those that came with the page; errors stay until they are dismissed

export function showToast(text, kind = "alert-success") {
  const box = document.createElement("div");
  box.className = `alert ${kind} max-w-md shadow-lg`;
  box.textContent = text;
  one("#toasts").append(box);
  setTimeout(() => box.remove(), NEW_TOAST_TIME);
}

body.addEventListener("hub:toast", ({ detail }) => showToast(detail.words, detail.kind)); // sent in HX-Trigger
setTimeout(() => {
  for (const box of all("[data-toast]:not(.alert-error)")) box.remove();
}, FIRST_TOAST_TIME);
