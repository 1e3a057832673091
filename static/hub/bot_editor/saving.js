// Saves forms of the editor: texts when the user pauses, everything else at once. Requests leave one after the other (hx-sync), because
// each contains the revision of the draft that the one before has made.

import { all, body, one } from "../common/dom.js";
import { mustWait, waitingForms, watchChoices } from "./keyboard_selects.js";
import { chosenFiles, isTextField, markAsSaved, snapshotOf, unsavedForms } from "./unsaved_fields.js";

const PAUSE = 700; // milliseconds
const timers = new Map(); // form → timer
const snapshots = new WeakMap(); // request → what its form contained
const uploads = new WeakMap(); // request → the fields with the files that it sends

const status = () => one("[data-draft-status]");
const isStepForm = (element) => element?.matches?.("[data-step-form]");

function showState(state) {
  if (status()) status().dataset.state = state;
}

function stopTimer(form) {
  clearTimeout(timers.get(form));
  timers.delete(form);
}

export function save(form) {
  stopTimer(form);
  htmx.trigger(form, "hub:save");
}

function saveAll() {
  for (const form of unsavedForms()) save(form);
}

// ---- When to save

document.addEventListener("input", ({ target }) => {
  const form = target.form;
  if (!isStepForm(form) || !target.name) return;
  showState("saving");
  if (mustWait(target)) return;
  if (!isTextField(target)) {
    save(form);
    return;
  }
  stopTimer(form);
  timers.set(
    form,
    setTimeout(() => save(form), PAUSE),
  );
});

watchChoices(({ form }) => save(form));

// The focus leaves a text field.
document.addEventListener("change", ({ target }) => {
  if (timers.has(target.form)) save(target.form);
});

// A button of the form sends its texts, too. Other requests must not overtake them.
document.addEventListener(
  "submit",
  ({ target }) => {
    if (isStepForm(target)) stopTimer(target);
    for (const form of [...timers.keys()]) save(form);
  },
  true,
);

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-save-all]")) saveAll();
  target.closest?.("[data-dismiss-notice]")?.closest("[role=alert]").remove();
});
addEventListener("online", saveAll);

// The page is closed, or goes to the background of a phone, before the pause is over.
addEventListener("pagehide", () => {
  for (const form of new Set([...timers.keys(), ...waitingForms()])) {
    const fields = new FormData(form);
    fields.set("revision", one("#draft-revision").value);
    navigator.sendBeacon(form.action, fields);
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) for (const form of [...timers.keys()]) save(form);
});

// ---- Requests

body.addEventListener("htmx:beforeSend", ({ detail }) => {
  if (!detail.elt.closest("[data-bot-editor]") || detail.requestConfig.verb !== "post") return;
  showState("saving");
  snapshots.set(detail.xhr, snapshotOf(detail.elt));
  uploads.set(detail.xhr, chosenFiles(detail.elt));
});

// The fields that were sent are saved. What was typed since then stays unsaved, so the swap leaves it as it is.
body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const snapshot = snapshots.get(detail.xhr);
  if (!snapshot || detail.xhr.status !== 200) return;
  markAsSaved(snapshot);
  for (const field of uploads.get(detail.xhr)) field.value = ""; // or the next request would send the file again
});

body.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (snapshots.has(detail.xhr) && detail.xhr.status === 200) showState(unsavedForms().length ? "saving" : "saved");
});

// Not applied: the draft has changed elsewhere, or the operation is not possible.
body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (snapshots.has(detail.xhr) && detail.xhr.status === 422) showState(unsavedForms().length ? "failed" : "saved");
});

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  body.addEventListener(name, ({ detail }) => {
    if (snapshots.has(detail.xhr)) showState("failed");
  });
}

// Events of the server: the draft has changed.
body.addEventListener("hub:draft-saved", () => {
  htmx.trigger(one("#diagram"), "hub:diagram");
  htmx.trigger(one("#tryout"), "hub:draft-changed");
  for (const form of all("[data-step-form]")) if (!form.isConnected) stopTimer(form);
});
