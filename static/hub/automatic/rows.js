// Rows of a Django formset that are added and removed. A row that is missing in the request counts as empty.

import { all, onClick, one } from "../common/dom.js";

function addRow(button) {
  const rows = button.closest("[data-rows]");
  const total = one("input[name$=-TOTAL_FORMS]", rows);
  const row = one("[data-row-template]", rows).content.firstElementChild.cloneNode(true);
  for (const element of [row, ...all("*", row)])
    for (const attribute of [...element.attributes])
      if (attribute.value.includes("__prefix__"))
        element.setAttribute(attribute.name, attribute.value.replaceAll("__prefix__", total.value));
  total.value = Number(total.value) + 1;
  one("[data-row-list]", rows).append(row);
  one("input", row).focus();
}

function removeRow(button) {
  const row = button.closest("[data-row]");
  const rows = row.closest("[data-rows]");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next ? one("input", next) : one("[data-add-row]", rows)).focus();
  rows.dispatchEvent(new Event("change", { bubbles: true }));
}

export function installRows() {
  onClick({ "[data-add-row]": addRow, "[data-remove-row]": removeRow });
}
