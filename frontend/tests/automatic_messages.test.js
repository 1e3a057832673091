import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const period = (index, hidden) =>
  `<div data-period ${hidden ? "data-folded" : ""}><input name="from_${index}"><input name="to_${index}"></div>`;
const day = (name) => `<div data-day id="${name}"><input type="checkbox" data-switch>
  ${period(1, false)}${period(2, true)}${period(3, true)}
  <button type="button" data-add-period></button><button type="button" data-copy-day></button></div>`;
const row = (index) => `<div data-row><input name="closed-${index}-day" id="id_closed-${index}-day">
  <label for="id_closed-${index}-day"></label><button type="button" data-remove-row></button></div>`;

openPage(`<form>
  <div data-week>${day("monday")}${day("sunday")}</div>
  <div data-rows><input name="closed-TOTAL_FORMS" value="1"><div data-row-list>${row(0)}</div>
    <template data-row-template>${row("__prefix__")}</template><button type="button" data-add-row></button></div>
  <div data-message><textarea name="text"></textarea><button type="button" data-insert="{{first_name}}"></button></div></form>`);

const { installPlaceholders } = await import("../../static/hub/automatic/placeholders.js");
const { installRows } = await import("../../static/hub/automatic/rows.js");
const { installWeek } = await import("../../static/hub/automatic/week.js");
installPlaceholders();
installRows();
installWeek();

const find = (selector) => document.querySelector(selector);
const findAll = (selector) => [...document.querySelectorAll(selector)];

function fill(selector, value) {
  find(selector).value = value;
}

beforeEach(() => {
  for (const input of findAll("[data-week] input")) Object.assign(input, { value: "", checked: false });
});

test("the hours of a day are copied to all days, with its second period", () => {
  find("#monday [data-switch]").checked = true;
  for (const [name, value] of [
    ["from_1", "08:00"],
    ["to_1", "12:00"],
    ["from_2", "14:00"],
    ["to_2", "18:00"],
  ])
    fill(`#monday [name=${name}]`, value);

  find("#monday [data-copy-day]").click();

  assert.equal(find("#sunday [data-switch]").checked, true);
  assert.deepEqual(
    findAll("#sunday [data-period] input").map((input) => input.value),
    ["08:00", "12:00", "14:00", "18:00", "", ""],
  );
  assert.deepEqual(
    findAll("#sunday [data-period]").map((each) => each.hasAttribute("data-folded")),
    [false, false, true],
  );
});

test("a closed day makes all days closed", () => {
  find("#sunday [data-switch]").checked = true;

  find("#monday [data-copy-day]").click();

  assert.equal(find("#sunday [data-switch]").checked, false);
});

test("another period opens the day and has the focus", () => {
  for (const each of findAll("#monday [data-period]").slice(1)) each.setAttribute("data-folded", "");

  find("#monday [data-add-period]").click();

  assert.equal(find("#monday [data-switch]").checked, true);
  assert.equal(document.activeElement, find("#monday [name=from_2]"));
  assert.equal(find("#monday [data-add-period]").disabled, false);
  find("#monday [data-add-period]").click();
  assert.equal(find("#monday [data-add-period]").disabled, true);
});

test("a row is added with the next number and removed", () => {
  find("[data-add-row]").click();

  assert.equal(find("[name=closed-TOTAL_FORMS]").value, "2");
  assert.equal(document.activeElement.name, "closed-1-day");
  assert.equal(findAll("[data-row-list] label")[1].htmlFor, "id_closed-1-day");
  findAll("[data-row-list] [data-remove-row]")[0].click();
  assert.equal(findAll("[data-row-list] [data-row]").length, 1);
  assert.equal(find("[name=closed-TOTAL_FORMS]").value, "2");
  assert.equal(document.activeElement.name, "closed-1-day");
});

test("a placeholder is inserted where the cursor is", () => {
  const field = find("textarea");
  field.value = "Olá, !";
  field.setSelectionRange(5, 5);

  find("[data-insert]").click();

  assert.equal(field.value, "Olá, {{first_name}}!");
  assert.equal(document.activeElement, field);
});
