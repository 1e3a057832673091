// What can be done about a message that failed for good: its text goes into the composer, or beside the templates. Without a script the
// same links open a page with the text in its place.

const one = (selector) => document.querySelector(selector);

function writeAgain(text) { // below what somebody is writing already
  one("#tab-answer").click();
  const field = one("[data-text]");
  const end = field.value.length;
  field.setRangeText(field.value.trim() ? `\n${text}` : text, end, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

async function openTemplates(address) { // first the list, so that the tab does not ask for it once more
  await htmx.ajax("GET", address, { target: "#template-picker", swap: "innerHTML" });
  one("#tab-template").click();
  one("#template-picker input[type=search]")?.focus();
}

document.addEventListener("click", (event) => {
  const edit = event.target.closest("[data-edit-again]");
  if (edit && one("[data-text]")) {
    event.preventDefault();
    writeAgain(edit.dataset.editAgain);
    return;
  }
  // Where free text cannot be sent now, a template can.
  const templates = edit ? edit.parentElement.querySelector("[data-open-templates]") : event.target.closest("[data-open-templates]");
  if (!templates || !one("#template-picker")) return;
  event.preventDefault();
  openTemplates(templates.href);
});
