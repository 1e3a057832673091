// Failed messages: their text goes into the composer, or to the templates. Without scripts, the same links open a page that does so.

import { onClick, one } from "../common/dom.js";
import { textField } from "./elements.js";
import { insertText } from "./text_area.js";

function editAgain(link, event) {
  if (!textField()) {
    const templates = one("[data-open-templates]", link.parentElement); // free text cannot be sent now, a template can
    if (templates) openTemplates(templates, event);
    return;
  }
  event.preventDefault();
  one("#tab-answer").click();
  const { value } = textField();
  const text = link.dataset.editAgain;
  insertText(value.trim() ? `\n${text}` : text, { from: value.length, to: value.length }); // below what is in the field already
  textField().focus();
}

async function openTemplates(link, event) {
  if (!one("#template-picker")) return;
  event.preventDefault();
  await htmx.ajax("GET", link.href, { target: "#template-picker", swap: "innerHTML" }); // before the tab, which would fetch the list too
  one("#tab-template").click();
  one("#template-picker input[type=search]")?.focus();
}

onClick({ "[data-edit-again]": editAgain, "[data-open-templates]": openTemplates });
