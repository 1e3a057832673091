// The hours of a week: another period of a day, and the hours of one day for all days.

import { all, onClick, one } from "../common/dom.js";

const times = (day) => all("input:not([type=checkbox])", day);

function addPeriod(day) {
  const period = one("[data-period][data-folded]", day);
  one("[data-switch]", day).checked = true;
  if (period) period.removeAttribute("data-folded");
  one("input", period ?? one("[data-period]", day)).focus();
  if (!one("[data-period][data-folded]", day)) one("[data-add-period]", day).disabled = true;
}

function copyDay(day, days) {
  const values = times(day).map((input) => input.value);
  const isOpen = one("[data-switch]", day).checked;
  for (const other of days) {
    one("[data-switch]", other).checked = isOpen;
    for (const [index, input] of times(other).entries()) input.value = values[index];
    for (const [index, period] of all("[data-period]", other).entries())
      period.toggleAttribute("data-folded", index > 0 && !values[2 * index] && !values[2 * index + 1]);
  }
}

function changed(element) {
  element.dispatchEvent(new Event("change", { bubbles: true }));
}

export function installWeek() {
  onClick({
    "[data-add-period]": (button) => {
      addPeriod(button.closest("[data-day]"));
      changed(button);
    },
    "[data-copy-day]": (button) => {
      const week = button.closest("[data-week]");
      copyDay(button.closest("[data-day]"), all("[data-day]", week));
      changed(button);
    },
  });
}
