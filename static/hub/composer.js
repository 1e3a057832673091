// Writing in a conversation: drafts, canned replies, quotations, reactions, notes. The composer is replaced when the window opens or
// closes and when another conversation is opened; what somebody was writing is kept (drafts.js), and put into the next one.

import { isSending, sendAnswer } from "./answers.js";
import { addFiles, drawFiles, restoreFiles, takesCaption } from "./attachments.js";
import { all, body, one, placeBeside, tell } from "./dom.js";
import { composer, draft, field, form, freshToken, keep, refuse, whyNotSent, words } from "./drafts.js";
import "./emoji_picker.js";
import { canRecord, discardRecording, record, stopRecording } from "./recording.js";
import "./thread.js";

let mounted = null;

function mount() {
  const box = composer();
  if (!box || box === mounted) return;
  if (mounted?.dataset.key !== box.dataset.key) discardRecording();
  const before = left?.key === box.dataset.key ? left : null;
  mounted = box;
  left = null;
  const mine = draft();
  one("[data-note-text]").value = mine.note;
  fit(one("[data-note-text]"));
  one("[data-draft-kept]", box)?.toggleAttribute("hidden", !mine.text.trim());
  if (form()) mountForm(mine);
  if (before) comeBack(before);
  body.dispatchEvent(new Event("hub:composer"));
}
body.addEventListener("hub:composer", mount);

let left = null;

body.addEventListener("htmx:beforeSwap", ({ detail }) => { // where somebody was, when the window opens or closes under their hands
  if (!mounted || !detail.target.contains(mounted) || detail.requestConfig?.elt.matches("[data-answer-of]")) return;
  if (detail.target === mounted && detail.xhr.status === 200 && (isSending(words("key")) || one("[data-send]:disabled", mounted))) { // asked for before something was sent
    detail.shouldSwap = false;
    return;
  }
  all("#composer [style], #reaction-picker").forEach((element) => element.removeAttribute("style")); // or htmx copies it, which the policy forbids
  if (detail.target !== mounted) return;
  const active = document.activeElement;
  left = { key: words("key"), tab: one("[data-tab][aria-selected=true]", mounted).id, inside: mounted.contains(active), id: active.id, from: active.selectionStart, to: active.selectionEnd };
});

function comeBack({ tab, inside, id, from, to }) {
  if (tab === "tab-note") show(tab, { focus: false });
  if (!inside) return;
  const target = document.getElementById(id);
  const isThere = target && composer().contains(target) && !target.closest("[hidden]");
  (isThere ? target : one("[data-tab][aria-selected=true]", composer())).focus();
  if (isThere && from !== undefined) target.setSelectionRange?.(from, to);
}

function mountForm(mine) {
  const given = form().elements;
  if (field().value && !mine.text) mine.text = field().value; // what the server gave back
  field().value = mine.text;
  mine.token ||= freshToken();
  if (given.quoted.value) mine.quote = { id: given.quoted.value, who: one("[data-quote-who]").textContent, words: one("[data-quote-words]").textContent };
  one("[data-record]").hidden = !canRecord();
  restoreFiles(words("key"));
  drawQuote();
  drawFiles();
  fit(field());
  count();
}

body.addEventListener("hub:draft", () => { // a part of it has been sent
  if (field().value !== draft().text) field().value = draft().text;
  drawQuote();
  fit(field());
  count();
  if (document.activeElement === body || composer().contains(document.activeElement)) field().focus();
});
body.addEventListener("hub:files", count);

// ---- The text: as high as it needs, counted near its end, sent by Enter -----------------------------------------------------------

function fit(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}

function count() {
  const { mostText, mostCaption, countedFrom } = composer().dataset;
  const captioned = draft().files.some(takesCaption);
  const most = Number(captioned ? mostCaption : mostText);
  const letters = [...field().value.trim()].length;
  const box = one("[data-count]");
  box.textContent = letters >= Math.min(countedFrom, most * 0.9) ? `${letters} / ${most}` : "";
  box.classList.toggle("text-error", letters > most);
  box.classList.toggle("font-semibold", letters > most);
}

function insert(text, { from = field().selectionStart, to = field().selectionEnd } = {}) {
  field().setRangeText(text, from, to, "end");
  field().dispatchEvent(new Event("input", { bubbles: true }));
  field().focus();
}

body.addEventListener("input", ({ target }) => {
  if (target.matches("[data-note-text]")) {
    draft().note = target.value;
    one("[data-problem]").textContent = "";
  } else if (target.matches("[data-text]")) {
    draft().text = target.value;
    refuse("");
    count();
    suggest();
  } else return;
  keep();
  fit(target);
});

const hasPointer = matchMedia("(any-hover: hover), (any-pointer: fine)"); // a mouse, a touchpad or a pen comes with a keyboard
const ONLY_REAL_KEYS = ["Tab", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Control", "Alt", "Meta"];
let hasKeys = false; // a keyboard without a mouse is known by a key that no keyboard on glass has

function enterSends({ shiftKey, ctrlKey, metaKey }) { // on glass, Enter is the only way to a new line
  if (ctrlKey || metaKey) return true;
  const wanted = composer().dataset.enter;
  return !shiftKey && (wanted === "sends" || (wanted !== "new_line" && (hasKeys || hasPointer.matches)));
}

document.addEventListener("keydown", (event) => {
  if (event.isTrusted && ONLY_REAL_KEYS.includes(event.key)) hasKeys = true;
  if (!composer() || event.isComposing || event.keyCode === 229) return;
  if (event.key === "Escape" && one(":popover-open")) { event.stopPropagation(); return; }
  if (event.target.matches("[role=tab]")) moveBetweenTabs(event);
  if (!event.target.matches("[data-text], [data-note-text]")) return;
  if (event.target.matches("[data-text]") && chooseByKey(event)) {
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter" && enterSends(event)) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}, true);

// ---- Sending: answers.js does it; notes are a form ----------------------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-answer]")) return;
  event.preventDefault();
  sendAnswer();
});

for (const [name, is] of [["htmx:beforeRequest", true], ["htmx:afterRequest", false]]) {
  body.addEventListener(name, ({ target, detail }) => {
    if (!target.matches("[data-note-form]")) return;
    one("[data-send]", target).disabled = is;
    one("[data-sending]", target).hidden = !is;
    if (!is) noteAnswered(target, detail);
  });
}

body.addEventListener("hub:sent", ({ target }) => {
  if (target.closest("#template-picker") && form()) show("tab-answer");
});

body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "reaction-picker") {
    target.showPopover();
    placeBeside(target, reactingFrom);
    one("button", target)?.focus();
  }
  mount();
  if (target.id === "conversation") beginWriting();
});

function beginWriting() { // whoever opens a conversation types at once; on glass the keyboard would hide what they came to read
  if (form() && (hasKeys || hasPointer.matches)) field().focus({ preventScroll: true });
}

function noteAnswered(target, { successful, xhr }) {
  if (!successful) {
    one("[data-problem]", target).textContent = xhr.status === 422 ? one("[data-note-text]", target).validationMessage : whyNotSent(xhr);
    return;
  }
  draft().note = one("[data-note-text]", target).value = "";
  keep();
  fit(one("[data-note-text]", target));
  tell(words("noteSaved"));
  if (form()) show("tab-answer");
  body.dispatchEvent(new Event("hub:changed"));
}

// ---- Answer, template or note; and what the window allows -------------------------------------------------------------------------

function show(id, { focus = true } = {}) {
  for (const tab of all("[data-tab]", composer())) {
    const chosen = tab.id === id;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (id === "tab-template" && form() && !one("#template-picker section")) htmx.trigger("#template-picker", "hub:picker");
  const target = { "tab-answer": field(), "tab-note": one("[data-note-text]") }[id];
  if (target) fit(target);
  if (focus) target?.focus();
}

function moveBetweenTabs(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  const tabs = all("[data-tab]", composer());
  const next = tabs[(tabs.indexOf(event.target) + by + tabs.length) % tabs.length];
  show(next.id, { focus: false });
  next.focus();
  event.preventDefault();
}

let asked = 0;

function compareWindow() { // the server's word decides; our clock only asks it
  const bar = one("#window-bar");
  if (!bar) return;
  const box = composer();
  const isOver = bar.dataset.mode === "free" && Number(bar.dataset.until) - Date.now() < 60_000;
  if (isOver && Date.now() - asked > 10_000) {
    asked = Date.now();
    htmx.trigger(bar, "hub:refresh");
  }
  if (bar.dataset.mode === box.dataset.composer || one("[data-send]:disabled", box)) return;
  if (!one("#panel-template:not([hidden]) form[enctype]")) htmx.trigger(box, "hub:compose"); // and who fills in a template goes on with it
  else if (bar.dataset.mode === "free") one("[data-window-opened]").classList.replace("hidden", "flex");
}
body.addEventListener("hub:times", compareWindow);

// ---- Canned replies: a list to choose from while the text begins with / ------------------------------------------------------------

const list = () => one("#canned-list");
const options = () => all("[role=option]:not([hidden])", list());
let repliesAsked = null;

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase(); // /preco finds /preço

function suggest() {
  const wanted = /^\/(\S*)$/.exec(field().value)?.[1];
  if (wanted === undefined) { closeList(); return; }
  if (repliesAsked !== list()) {
    repliesAsked = list();
    htmx.trigger(list(), "hub:canned");
    list().addEventListener("htmx:afterSwap", suggest, { once: true });
    return;
  }
  for (const option of all("[role=option]", list())) option.hidden = !plain(option.dataset.shortcut).includes(plain(wanted));
  list().hidden = !options().length && !one("[data-none]", list());
  mark(options()[0]);
  one("#announcer").textContent = options().length === 1 ? words("replyFound") : words("repliesFound").replace("{n}", options().length);
}

function mark(option) {
  for (const each of all("[role=option]", list())) each.setAttribute("aria-selected", String(each === option));
  if (option) field().setAttribute("aria-activedescendant", option.id);
  else field().removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function closeList() {
  list().hidden = true;
  field().removeAttribute("aria-activedescendant");
}

function choose(option) {
  closeList();
  insert(option.dataset.words, { from: 0, to: field().value.length });
}

function chooseByKey({ key, shiftKey }) { // whether the key meant the list
  if (list().hidden) return false;
  if (key === "Escape") { closeList(); return true; }
  const shown = options();
  const at = shown.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (!shown.length) return false;
  if (key === "ArrowDown" || key === "ArrowUp") {
    mark(shown[(at + (key === "ArrowDown" ? 1 : -1) + shown.length) % shown.length]);
    return true;
  }
  if ((key === "Enter" || key === "Tab") && !shiftKey && at >= 0) {
    choose(shown[at]);
    return true;
  }
  return false;
}

// ---- Which message is answered, and reactions ----------------------------------------------------------------------------------------

function drawQuote() {
  const { quote } = draft();
  one("[data-quote]").hidden = !quote;
  form().elements.quoted.value = quote?.id ?? "";
  one("[data-quote-who]").textContent = quote?.who ?? "";
  one("[data-quote-words]").textContent = quote?.words ?? "";
}

let reactingFrom = null;

body.addEventListener("hub:changed", ({ target }) => {
  if (target.closest?.("#reaction-picker")) one("#reaction-picker").hidePopover();
});

// ---- Clicks ---------------------------------------------------------------------------------------------------------------------------

const CLICKS = {
  "[data-tab]": (tab, event) => {
    event.preventDefault();
    show(tab.id);
  },
  "[data-reply]": (link, event) => {
    if (!form()) return;
    event.preventDefault();
    draft().quote = { id: link.dataset.reply, who: link.dataset.who, words: link.dataset.words };
    show("tab-answer");
    drawQuote();
  },
  "[data-unquote]": () => {
    draft().quote = null;
    drawQuote();
    field().focus();
  },
  "[data-react]": (link) => { reactingFrom = link; },
  "[data-compose]": () => htmx.trigger(composer(), "hub:compose"),
  "[data-record]": record,
  "[data-record-stop]": stopRecording,
  "[data-record-cancel]": () => { discardRecording(); field().focus(); },
  "#canned-list [role=option]": choose,
  "[data-open-canned]": () => {
    if (field().value.trim()) { field().focus(); return; }
    insert("/", { from: 0, to: field().value.length });
  },
};
document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(CLICKS)) {
    const element = event.target.closest(selector);
    if (element) act(element, event);
  }
});
document.addEventListener("toggle", ({ target }) => {
  if (target.matches("#reaction-picker details")) placeBeside(one("#reaction-picker"), reactingFrom);
}, true);

body.addEventListener("hub:dropped", ({ detail }) => {
  show("tab-answer");
  addFiles(detail.files);
});

mount();
if (composer()) beginWriting();
