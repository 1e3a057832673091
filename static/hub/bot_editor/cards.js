// Cards of steps: opening and closing their forms, and the focus.

import { wait } from "../common/delays.js";
import { body, one } from "../common/dom.js";
import { save } from "./saving.js";
import { showTab } from "./tabs.js";
import { unsavedForms } from "./unsaved_fields.js";

const MARK_TIME = 1600; // milliseconds
const TIMEOUT = 10_000; // milliseconds
const MAX_SWAPS = 20;
const FIELDS = "textarea, select, input:not([type=hidden])";
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const cardOf = (stepId) => document.getElementById(`step-${stepId}`);
const isOpen = (card) => card.hasAttribute("data-is-open");

// Fetches the card with or without its form. What is unsaved is sent before.
export async function toggleCard(stepId, shouldOpen) {
  const card = cardOf(stepId);
  if (!card || isOpen(card) === shouldOpen) return;
  for (const form of unsavedForms(card)) save(form);
  const url = new URL(one("[data-bot-editor]").dataset.cardUrl, location);
  url.search = new URLSearchParams({ step: stepId, open: shouldOpen ? "1" : "0" });
  // Its source is the list, so that it waits for the requests that are under way.
  await htmx.ajax("get", url.pathname + url.search, { source: one("#steps"), target: card, swap: "morph:outerHTML" });
  // If other requests are under way, the promise of htmx ends when its request has been queued.
  for (let swaps = 0; swaps < MAX_SWAPS && cardOf(stepId) && isOpen(cardOf(stepId)) !== shouldOpen; swaps += 1) {
    await Promise.race([nextSwap(), wait(TIMEOUT)]);
  }
}

const nextSwap = () =>
  new Promise((resolve) => {
    body.addEventListener("htmx:afterSettle", resolve, { once: true });
  });

function markCard(card) {
  card.classList.add("bot-card-marked");
  setTimeout(() => card.classList.remove("bot-card-marked"), MARK_TIME);
}

function showCard(stepId) {
  const card = cardOf(stepId);
  if (!card) return;
  showTab("steps");
  card.scrollIntoView({ block: "start", behavior: reducedMotion.matches ? "auto" : "smooth" });
  one(`#heading-${CSS.escape(stepId)}`).focus({ preventScroll: true });
  markCard(card);
}

// Focuses an element, or the first field in it. The id of a step stands for its card.
function focusElement(id) {
  const element = document.getElementById(id) ?? cardOf(id);
  if (!element) return;
  if (element.closest("details:not([open])")) element.closest("details").open = true;
  if (element.localName === "details") element.open = true;
  const form = element.matches("[data-step]") ? one(".bot-form", element) : element;
  const field = element.matches("a, button, input, select, textarea") ? element : one(FIELDS, form ?? element);
  (field ?? one("[data-toggle-step]", element) ?? element).focus();
  (element.matches("[data-step]") ? element : (field ?? element)).scrollIntoView({ block: "nearest" });
}

async function goTo(link) {
  showTab("steps");
  if (link.dataset.goTo.startsWith("field-")) await toggleCard(link.dataset.goToStep, true);
  focusElement(link.dataset.goTo);
  if (link.dataset.goToStep) markCard(cardOf(link.dataset.goToStep));
}

async function toggle(link) {
  const stepId = link.dataset.toggleStep;
  const shouldOpen = !isOpen(cardOf(stepId));
  await toggleCard(stepId, shouldOpen);
  if (shouldOpen) focusElement(stepId);
  else one(`#heading-${CSS.escape(stepId)}`)?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-toggle-step], [data-go-to], [data-go-to-step], [data-diagram-step]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.toggleStep) toggle(link);
  else if (link.dataset.goTo) goTo(link);
  else showCard(link.dataset.goToStep ?? link.dataset.diagramStep);
});

// A link that looks like a button is pressed with the space bar, too.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches?.("[data-toggle-step]")) return;
  event.preventDefault();
  event.target.click();
});

// The server says what has the focus after an operation, and what a screen reader reads.
body.addEventListener("hub:focus", ({ detail }) => {
  focusElement(detail.id);
  if (detail.words) one("#announcer").textContent = detail.words;
});

// The chat for trying out is at a step.
body.addEventListener("hub:step", ({ detail }) => {
  for (const card of document.querySelectorAll(".bot-card-current")) card.classList.remove("bot-card-current");
  cardOf(detail.step)?.classList.add("bot-card-current");
});
