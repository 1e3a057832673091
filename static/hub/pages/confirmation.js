// Forms and buttons with data-confirm: a dialog asks the question before the form is sent. Its button has the words of the one that was
// pressed.

import { one } from "../common/dom.js";

const dialog = () => one("#confirm");
let asked = null; // the form and the button that were pressed
let confirmed = null; // the form that is being sent

document.addEventListener(
  "submit",
  (event) => {
    const { target: form, submitter } = event;
    const question = submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!question || form === confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    asked = { form, submitter };
    one("[data-question]", dialog()).textContent = question;
    const verb = one("[data-verb]", dialog());
    verb.textContent = wordsOf(submitter) || verb.dataset.verb;
    dialog().returnValue = "";
    dialog().showModal();
  },
  true,
);

const wordsOf = (button) => (button?.getAttribute("aria-label") ?? button?.textContent ?? "").trim();

dialog().addEventListener("close", ({ target }) => {
  const { form, submitter } = asked;
  asked = null;
  if (target.returnValue !== "yes" || !form.isConnected) return;
  confirmed = form;
  form.requestSubmit(submitter?.isConnected ? submitter : null);
  confirmed = null;
});
