// Forms and buttons with data-confirm: a dialog asks the question before the form is sent. Its button has the words of the one that was
// pressed. Nothing is sent if the page has changed meanwhile, so that the form would do something else.

import { one } from "../common/dom.js";
import { showToast } from "./toasts.js";

const dialog = () => one("#confirm");
let asked = null; // the form and the button that were pressed, and the question
let confirmed = null; // the form that is being sent

document.addEventListener(
  "submit",
  (event) => {
    const { target: form, submitter } = event;
    const question = questionOf({ form, submitter });
    if (!question || form === confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    asked = { form, submitter, question };
    one("[data-question]", dialog()).textContent = question;
    const verb = one("[data-verb]", dialog());
    verb.textContent = wordsOf(submitter) || verb.dataset.verb;
    dialog().returnValue = "";
    dialog().showModal();
  },
  true,
);

const questionOf = ({ form, submitter }) => submitter?.dataset.confirm ?? form.dataset.confirm;
const isOnPage = ({ form, submitter }) => form.isConnected && (!submitter || submitter.isConnected);
const wordsOf = (button) => (button?.getAttribute("aria-label") ?? button?.textContent ?? "").trim();

dialog().addEventListener("close", ({ target }) => {
  const { form, submitter, question } = asked;
  const isSame = isOnPage(asked) && questionOf(asked) === question;
  asked = null;
  if (target.returnValue !== "yes") return;
  if (!isSame) {
    showToast(one("[data-changed]", dialog()).dataset.changed, "alert-warning");
    return;
  }
  confirmed = form;
  form.requestSubmit(submitter);
  confirmed = null;
});
