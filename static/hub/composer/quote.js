// The message that the answer quotes.

import { onClick, one } from "../common/dom.js";
import { getDraft } from "./drafts.js";
import { answerForm, textField } from "./elements.js";
import { showTab } from "./tabs.js";

export function drawQuote() {
  const { quote } = getDraft();
  one("[data-quote]").hidden = !quote;
  answerForm().elements.quoted.value = quote?.id ?? "";
  one("[data-quote-who]").textContent = quote?.who ?? "";
  one("[data-quote-words]").textContent = quote?.words ?? "";
}

onClick({
  "[data-reply]": (link, event) => {
    if (!answerForm()) return;
    event.preventDefault();
    getDraft().quote = { id: link.dataset.reply, who: link.dataset.who, words: link.dataset.words };
    showTab("tab-answer");
    drawQuote();
  },
  "[data-unquote]": () => {
    getDraft().quote = null;
    drawQuote();
    textField().focus();
  },
});
