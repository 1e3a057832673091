// Fields whose text is not saved yet: their value differs from the one that the server has sent or received last.

import { all } from "../common/dom.js";

const TEXT_FIELDS = "textarea, input:not([type=checkbox], [type=radio], [type=hidden], [type=file])";

export const isTextField = (field) => field.matches(TEXT_FIELDS);
const textFields = (form) => all(TEXT_FIELDS, form).filter((field) => field.name);
const isUnsaved = (field) => field.value !== field.defaultValue;

export function unsavedForms(root = document) {
  return all("[data-step-form]", root).filter((form) => textFields(form).some(isUnsaved) || chosenFiles(form).length);
}

// Returns the fields with a file that was chosen and is not stored yet.
export const chosenFiles = (form) => all("input[type=file]", form).filter((field) => field.value);

// Returns the text fields of a form with their values, as they are sent.
export function snapshotOf(form) {
  return form.matches("[data-step-form]") ? textFields(form).map((field) => [field, field.value]) : [];
}

export function markAsSaved(snapshot) {
  for (const [field, value] of snapshot) {
    const current = field.value;
    field.defaultValue = value;
    if (field.value !== current) field.value = current; // a field that nobody has typed into takes its default
  }
}
