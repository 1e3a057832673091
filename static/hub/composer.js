// Writing in a conversation: drafts, files, voice messages, emoji, canned replies. The composer is replaced when the window opens or
// closes and when another conversation is opened; what somebody was writing is kept here, and put into the next one.

const body = document.body;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

const composer = () => one("#composer");
const words = (name) => composer().dataset[name];
const form = () => one("[data-answer]");
const field = () => one("[data-text]");
const tell = (text, kind) => body.dispatchEvent(new CustomEvent("hub:toast", { detail: { words: text, kind } }));

function freshToken() { // outside https there is no randomUUID
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return [...bytes].map((byte, place) => ([4, 6, 8, 10].includes(place) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

// ---- What is being written, by conversation: texts outlive the page, files do not -------------------------------------------------

const drafts = new Map();

function draft() {
  const key = words("key");
  if (!drafts.has(key)) drafts.set(key, { text: "", note: "", token: "", files: [], voice: false, quote: null, ...stored(key) });
  return drafts.get(key);
}

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch { // no storage, or not what we put there
    return {};
  }
}

function keep(key = words("key")) {
  const { text, note, token } = drafts.get(key);
  try {
    if (text || note) localStorage.setItem(key, JSON.stringify({ text, note, token }));
    else localStorage.removeItem(key);
  } catch { // full or forbidden: it lives as long as the page
  }
}

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
}

let left = null;

body.addEventListener("htmx:beforeSwap", ({ detail }) => { // where somebody was, when the window opens or closes under their hands
  if (!mounted || !detail.target.contains(mounted)) return;
  if (detail.target === mounted && detail.xhr.status === 200 && one("[data-send]:disabled", mounted)) { // asked for before something was sent
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
  mine.token ||= given.token.value;
  given.token.value = mine.token;
  if (given.quoted.value) mine.quote = { id: given.quoted.value, who: one("[data-quote-who]").textContent, words: one("[data-quote-words]").textContent };
  one("[data-record]").hidden = !(window.MediaRecorder && navigator.mediaDevices?.getUserMedia);
  drawQuote();
  drawFiles();
  fit(field());
  count();
}

// ---- The text: as high as it needs, counted near its end, sent by Enter -----------------------------------------------------------

function fit(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}

function count() {
  const { mostText, mostCaption, countedFrom } = composer().dataset;
  const captioned = draft().files.some((file) => !words("withoutCaption").split(" ").includes(kindOf(file)));
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

const hasKeyboard = matchMedia("(hover: hover), (pointer: fine)"); // on glass, Enter is the only way to a new line

document.addEventListener("keydown", (event) => {
  if (!composer() || event.isComposing || event.keyCode === 229) return;
  if (event.key === "Escape" && one(":popover-open")) { event.stopPropagation(); return; }
  if (event.target.matches("[role=tab]")) moveBetweenTabs(event);
  if (!event.target.matches("[data-text], [data-note-text]")) return;
  if (event.target.matches("[data-text]") && chooseByKey(event)) {
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter" && !event.shiftKey && hasKeyboard.matches) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}, true);

// ---- Sending: once, whatever the connection does ------------------------------------------------------------------------------------

function refuse(text) {
  const box = one("#composer-error");
  if (box && box.textContent !== text) box.textContent = text;
  box?.classList.toggle("composer-refused", Boolean(text));
  field()?.removeAttribute("aria-invalid");
}

let uploads = false;

body.addEventListener("htmx:beforeRequest", ({ target, detail }) => {
  if (!target.matches("[data-answer], [data-note-form]")) return;
  busy(target, true);
  if (!target.matches("[data-answer]")) return;
  refuse("");
  const sent = { key: words("key"), text: field().value, files: [...draft().files] };
  uploads = sent.files.length > 0;
  detail.xhr.addEventListener("load", () => { if (detail.xhr.status === 204) answered(sent); }); // also if another conversation is open by then
});
body.addEventListener("htmx:xhr:progress", ({ target, detail }) => {
  const bar = uploads && target.matches("[data-answer]") && one("[data-progress]", target);
  if (!bar || !detail.lengthComputable) return;
  bar.hidden = false;
  bar.value = (100 * detail.loaded) / detail.total;
});
body.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (!target.matches("[data-answer], [data-note-form]")) return;
  busy(target, false);
  if (target.matches("[data-note-form]")) noteAnswered(target, detail);
  else if (!detail.successful && detail.xhr.status !== 422) refuse(words("notSent"));
});

function busy(target, is) {
  const button = one("[data-send]", target);
  button.disabled = is;
  one("[data-sending]", target).hidden = !is;
  if (!is) one("[data-progress]", target)?.toggleAttribute("hidden", true);
}

body.addEventListener("hub:sent", ({ target }) => {
  if (target.closest("#template-picker") && form()) show("tab-answer");
});

function answered(sent) { // what was written while it was under way stays
  const mine = drafts.get(sent.key);
  mine.text = mine.text.startsWith(sent.text) ? mine.text.slice(sent.text.length) : mine.text;
  mine.files = mine.files.filter((file) => !sent.files.includes(file));
  Object.assign(mine, { voice: false, quote: null, token: freshToken() });
  keep(sent.key);
  if (!composer() || words("key") !== sent.key || !form()) return;
  field().value = mine.text;
  form().elements.token.value = mine.token;
  drawQuote();
  drawFiles();
  fit(field());
  count();
  field().focus();
}

body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "composer-error" && one("[data-spent]", target)) form().elements.token.value = draft().token = freshToken();
  if (target.id === "composer-error") field().setAttribute("aria-invalid", "true");
  if (target.id === "reaction-picker") {
    target.showPopover();
    placeBeside(target, reactingFrom);
  }
  mount();
});

function noteAnswered(target, { successful, xhr }) {
  if (!successful) {
    one("[data-problem]", target).textContent = xhr.status === 422 ? one("[data-note-text]", target).validationMessage : words("notSent");
    return;
  }
  draft().note = one("[data-note-text]", target).value = "";
  keep();
  fit(one("[data-note-text]", target));
  tell(words("noteSaved"));
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

// ---- Files: chosen, pasted or dropped ------------------------------------------------------------------------------------------------

function limits() { return Object.entries(JSON.parse(words("limits"))); }

function kindOf(file) {
  const type = file.type.split(";")[0];
  return limits().find(([, limit]) => limit.types.includes(type))?.[0];
}

function inWords(size) {
  return size >= 2 ** 20 ? `${Math.round((10 * size) / 2 ** 20) / 10} MB` : `${Math.max(1, Math.round(size / 2 ** 10))} KB`;
}

function wrongWith(file) { // a first look; the server looks into the file
  const kind = kindOf(file);
  const name = (text) => text.replace("{name}", file.name);
  if (!file.size) return name(words("emptyFile"));
  if (file.type && !kind) return name(words("wrongType"));
  const most = kind && JSON.parse(words("limits"))[kind].most;
  return most && file.size > most ? name(words("tooBig")).replace("{size}", inWords(file.size)).replace("{most}", inWords(most)) : "";
}

function addFiles(files) {
  const mine = draft();
  const wrong = [];
  for (const file of files) {
    const problem = mine.files.length >= 10 ? words("tooMany") : wrongWith(file);
    if (problem) wrong.push(problem);
    else mine.files.push(file);
  }
  if (mine.voice && mine.files.length > 1) Object.assign(mine, { files: mine.files.slice(1), voice: false });
  drawFiles();
  refuse([...new Set(wrong)].join(" "));
  field().focus();
}

const addresses = [];

function drawFiles() {
  const mine = draft();
  const list = one("[data-files]");
  addresses.splice(0).forEach((address) => URL.revokeObjectURL(address));
  list.replaceChildren(...mine.files.map((file) => fileRow(file, mine.voice)));
  list.hidden = !mine.files.length;
  const given = new DataTransfer();
  mine.files.forEach((file) => given.items.add(file));
  one("[data-choose-files]").files = given.files;
  one("[data-voice]").value = mine.voice ? "1" : "";
  count();
}

function fileRow(file, voice) {
  const row = one(voice ? "[data-voice-row]" : "[data-file-row]").content.cloneNode(true);
  const address = URL.createObjectURL(file);
  addresses.push(address);
  if (voice) one("[data-listen]", row).src = address;
  else {
    one("[data-file-name]", row).textContent = file.name;
    one("[data-file-size]", row).textContent = inWords(file.size);
    if (file.type.startsWith("image/")) one("[data-thumbnail]", row).replaceChildren(Object.assign(new Image(), { src: address, alt: "" }));
  }
  one("[data-remove-file]", row).addEventListener("click", () => {
    const mine = draft();
    Object.assign(mine, { files: mine.files.filter((each) => each !== file), voice: false });
    drawFiles();
    refuse("");
    field().focus();
  });
  return row;
}

body.addEventListener("change", ({ target }) => {
  if (target.matches("[data-choose-files]")) addFiles([...target.files]);
});
body.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!form() || !files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  addFiles(files.map((file) => new File([file], file.name || "image.png", { type: file.type })));
});

const carriesFiles = (event) => form() && [...(event.dataTransfer?.types ?? [])].includes("Files") && event.target.closest?.("[data-conversation]");
body.addEventListener("dragover", (event) => {
  const section = carriesFiles(event);
  if (!section) return;
  event.preventDefault();
  section.toggleAttribute("data-dropping", true);
});
body.addEventListener("dragleave", ({ target, relatedTarget }) => {
  const section = target.closest?.("[data-conversation]");
  if (section && !section.contains(relatedTarget)) section.removeAttribute("data-dropping");
});
body.addEventListener("drop", (event) => {
  const section = carriesFiles(event);
  if (!section) return;
  event.preventDefault();
  section.removeAttribute("data-dropping");
  show("tab-answer");
  addFiles([...event.dataTransfer.files]);
});

// ---- Voice messages: recorded here, converted by the server ----------------------------------------------------------------------

const RECORDED = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
let recording = null;

async function record() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    refuse(words("noMicrophone"));
    return;
  }
  const mimeType = RECORDED.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
  const parts = [];
  const key = words("key");
  recording = { recorder, began: Date.now(), kept: true, timer: setInterval(drawRecording, 250) };
  const mine = recording;
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  recorder.addEventListener("stop", () => {
    stream.getTracks().forEach((track) => track.stop());
    clearInterval(mine.timer);
    recording = null;
    drawRecording();
    if (!mine.kept || words("key") !== key) return;
    const type = recorder.mimeType || mimeType || "audio/webm";
    Object.assign(draft(), { files: [new File(parts, `voice.${type.split(/[/;]/)[1]}`, { type })], voice: true });
    if (form()) { drawFiles(); one("[data-send]", form()).focus(); }
  });
  recorder.start();
  refuse("");
  drawRecording();
  one("[data-record-stop]").focus();
}

function discardRecording() {
  if (!recording) return;
  recording.kept = false;
  recording.recorder.stop();
}

function drawRecording() {
  const box = one("[data-recording]");
  if (!box) return;
  box.hidden = !recording;
  form().toggleAttribute("data-is-recording", Boolean(recording));
  const seconds = recording ? Math.floor((Date.now() - recording.began) / 1000) : 0;
  one("[data-recording-time]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
addEventListener("pagehide", discardRecording);

// ---- Canned replies: a list to choose from while the text begins with / ------------------------------------------------------------

const list = () => one("#canned-list");
const options = () => all("[role=option]:not([hidden])", list());
let repliesAsked = null;

function suggest() {
  const wanted = /^\/(\S*)$/.exec(field().value)?.[1];
  if (wanted === undefined) { closeList(); return; }
  if (repliesAsked !== list()) {
    repliesAsked = list();
    htmx.trigger(list(), "hub:canned");
    list().addEventListener("htmx:afterSwap", suggest, { once: true });
    return;
  }
  for (const option of all("[role=option]", list())) option.hidden = !option.dataset.shortcut.includes(wanted.toLowerCase());
  list().hidden = !options().length && !one("[data-none]", list());
  mark(options()[0]);
  one("#announcer").textContent = words("repliesFound").replace("{n}", options().length);
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

function placeBeside(popover, anchor, { focus = true } = {}) {
  const at = anchor.getBoundingClientRect();
  const size = popover.getBoundingClientRect();
  const top = at.top > size.height + 8 ? at.top - size.height - 4 : Math.min(at.bottom + 4, innerHeight - size.height - 8);
  popover.style.top = `${Math.max(8, top)}px`;
  popover.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  if (focus) one("button", popover)?.focus();
}

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
  "[data-record-stop]": () => recording?.recorder.stop(),
  "[data-record-cancel]": () => { discardRecording(); field().focus(); },
  "#canned-list [role=option]": choose,
  "[data-open-canned]": () => {
    if (field().value.trim()) { field().focus(); return; }
    insert("/", { from: 0, to: field().value.length });
  },
  "#emoji-picker [data-emoji]": (button) => {
    insert(button.textContent);
    one("#emoji-picker").hidePopover();
  },
};
document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(CLICKS)) {
    const element = event.target.closest(selector);
    if (element) act(element, event);
  }
});
document.addEventListener("toggle", ({ target, newState }) => {
  if (target.matches("#reaction-picker details")) placeBeside(one("#reaction-picker"), reactingFrom, { focus: false });
  if (target.id === "emoji-picker" && newState === "open") placeBeside(target, one("[data-emoji-button]"));
}, true);

mount();
