// The hub's pages in the browser: the inbox, shortcuts, and small things by attribute. Everything works without it, by links and
// forms. What keeps pages current has a script of its own, live.js, and so has where staff write: composer.js.

const body = document.body;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

// ---- htmx: the CSRF token, what could not be done, and what morphing leaves alone --------------------------------------------

Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) => // what somebody writes stays theirs
  !(node.matches?.("[data-choice]")
    || (node.matches?.("textarea, input:not([type=checkbox], [type=radio], [type=hidden])") && (node === document.activeElement || node.value !== node.defaultValue)));
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => // what the browser alone knows
  !((name === "open" && node.matches("details, dialog")) || (name === "aria-current" && node.matches(".row"))
    || (name === "data-state" && node.matches("[data-until]")) || (name === "class" && node.matches(".message-target")));

body.addEventListener("htmx:configRequest", ({ detail }) => {
  detail.headers["X-CSRFToken"] = one("meta[name=csrf-token]").content;
  const counted = detail.elt.dataset?.counts;
  if (counted) detail.parameters.shown = all(counted, detail.elt).length;
});
body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const page = detail.xhr.responseText.trimStart().slice(0, 15).toLowerCase();
  if (detail.xhr.status === 200 && page.startsWith("<!doctype") && !detail.elt.hasAttribute("hx-select")) { // not the part that was asked for
    detail.shouldSwap = false;
    location.reload();
  }
});
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  body.addEventListener(name, ({ detail }) => {
    const isRefused = detail.xhr?.status in { 403: 1, 404: 1 };
    if (detail.elt.matches?.("[data-live], [data-quiet]") && !isRefused) return;
    if (!isRefused) toast(body.dataset.failed, "alert-error");
    else if (!body.dataset.access) toast(body.dataset.refused, "alert-error"); // or live.js says why
    const box = detail.elt.closest("form") ?? detail.elt;
    if (box.matches("form, input")) all("input[type=checkbox], input[type=radio]", box).forEach((input) => { input.checked = input.defaultChecked; });
  });
}

function toast(words, kind = "alert-success") {
  const box = document.createElement("div");
  box.className = `alert ${kind} max-w-md shadow-lg`;
  box.textContent = words;
  one("#toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}
setTimeout(() => all("[data-toast]:not(.alert-error)").forEach((box) => box.remove()), 8000);
body.addEventListener("hub:toast", ({ detail }) => toast(detail.words, detail.kind));

// ---- Times: how long ago, and how long a window stays open --------------------------------------------------------------------

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

const ago = (time) => body.dataset.ago.replace("{time}", time);

function tellTimes() {
  const now = Date.now();
  for (const time of all("time[data-ago]")) {
    const passed = now - Date.parse(time.dateTime);
    if (passed < MINUTE) time.textContent = body.dataset.now;
    else if (passed < HOUR) time.textContent = ago(`${Math.floor(passed / MINUTE)} min`);
    else if (passed < DAY) time.textContent = ago(`${Math.floor(passed / HOUR)} h`);
    else if (passed < 7 * DAY) time.textContent = ago(`${Math.floor(passed / DAY)} d`);
  }
  for (const window of all("[data-until]")) {
    const left = Number(window.dataset.until) - now;
    window.dataset.state = left <= 0 ? "closed" : left <= 3 * HOUR ? "closing" : "open";
    const minutes = Math.floor(left / MINUTE);
    const words = one("[data-left]", window);
    if (words) words.textContent = left <= 0 ? window.dataset.closed ?? "" : minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  }
  body.dispatchEvent(new Event("hub:times"));
}
setInterval(tellTimes, 15_000);

// ---- The inbox: which row is open, where the thread stands, what has been read -------------------------------------------------

const thread = () => one("#thread");
const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80;
const place = { end: true, height: 0, known: new Set(), unseen: 0 };

function markOpenRow() {
  const id = one("[data-conversation]")?.dataset.conversation;
  for (const row of all("[data-row] > .row")) {
    if (row.parentElement.dataset.row === id) row.setAttribute("aria-current", "page");
    else row.removeAttribute("aria-current");
  }
  one("[data-inbox]")?.toggleAttribute("data-open", Boolean(id));
  one("nav")?.classList.toggle("max-md:hidden", Boolean(id));
}

function showName() { // of the contact, which may change while the conversation is open
  const name = one("#conversation-heading").dataset.title;
  one("[data-conversation]").dataset.title = name;
  document.title = `${name} · ${document.title.split(" · ").slice(-2).join(" · ")}`;
}
body.addEventListener("htmx:oobAfterSwap", ({ detail }) => { if (detail.target.id === "conversation-heading") showName(); });

function openedConversation() {
  const box = thread();
  markOpenRow();
  if (!box) return;
  showName();
  place.known = new Set(all("[data-inbound]", box).map((message) => message.id));
  place.unseen = 0;
  showPill();
  const target = box.dataset.jump ? document.getElementById(box.dataset.jump) : one("#unread-line", box);
  if (target) {
    target.scrollIntoView({ block: "center" });
    if (box.dataset.jump) target.classList.add("message-target");
  } else box.scrollTop = box.scrollHeight;
  place.end = atEnd(box);
  box.addEventListener("scroll", onScroll, { passive: true });
  noteRead(true);
}

function onScroll() {
  const box = thread();
  place.end = atEnd(box);
  if (place.end && place.unseen) { place.unseen = 0; noteRead(); }
  showPill();
  loadOlder();
}

function loadOlder() { // where the first message that is shown is near, or all of them fit into the window
  const box = thread();
  const button = box?.clientHeight && box.scrollTop < 150 && one("[data-load-older]", box);
  if (button && !button.dataset.asked) htmx.trigger(button, "hub:older");
}
body.addEventListener("htmx:beforeRequest", ({ detail }) => { if (detail.elt.matches?.("[data-load-older]")) detail.elt.dataset.asked = "yes"; });
body.addEventListener("htmx:load", loadOlder); // a button that htmx has not wired yet hears nothing, and nothing may scroll any more

function showPill() {
  const pill = one("#new-messages");
  if (!pill) return;
  const box = thread();
  const far = box.scrollHeight - box.scrollTop - box.clientHeight > 600;
  pill.classList.toggle("hidden", !(place.unseen || far));
  const words = one("[data-words]", pill);
  words.textContent = place.unseen === 0 ? words.dataset.none : place.unseen === 1 ? words.dataset.one : words.dataset.many.replace("{n}", place.unseen);
}

function noteNew() { // announce what customers wrote since, follow them or say that they are there
  const box = thread();
  if (!box) return;
  const fresh = all("[data-latest] [data-inbound]", box).filter((message) => !place.known.has(message.id));
  fresh.forEach((message) => place.known.add(message.id));
  if (place.end) box.scrollTop = box.scrollHeight;
  else if (fresh.length) place.unseen += fresh.length;
  if (fresh.length) {
    one("#announcer").textContent = `${one("[data-conversation]").dataset.title}: ${one(".bubble", fresh.at(-1))?.innerText ?? ""}`;
    noteRead(true);
  }
  showPill();
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) noteRead(); });

const readUpTo = new Map(); // by address, of each conversation that was before somebody's eyes: how far, and how far the server knows
function noteRead(anew = false) { // only what is before somebody's eyes; anew, as what was moved here may be older than what was read
  const box = thread();
  const latest = box && one("[data-latest]", box);
  if (!latest || document.hidden || !(place.end || one("#unread-line", box))) return;
  const address = one("[data-conversation]").dataset.read;
  const mark = readUpTo.get(address) ?? { wanted: 0, stored: 0, busy: false, failures: 0 };
  readUpTo.set(address, mark);
  if (anew) mark.stored = 0;
  mark.wanted = Math.max(mark.wanted, Number(latest.dataset.upTo));
  sendMark(address, mark);
}

async function sendMark(address, mark) { // and again later if the server was not there, whatever is open by then
  if (mark.busy || mark.wanted <= mark.stored) return;
  mark.busy = true;
  const upTo = mark.wanted;
  const headers = { "X-CSRFToken": one("meta[name=csrf-token]").content };
  const options = { method: "POST", headers, body: new URLSearchParams({ up_to: upTo }), keepalive: true, signal: AbortSignal.timeout(30_000) };
  const status = await fetch(address, options).then((answer) => answer.status, () => 0);
  const again = status === 0 || status === 429 || status >= 500;
  if (again) {
    mark.failures += 1;
    await new Promise((resolve) => { setTimeout(resolve, Math.min(60, 2 ** mark.failures) * 1000 * (0.75 + Math.random() / 2)); });
  } else if (status === 204) {
    mark.stored = Math.max(mark.stored, upTo);
    mark.failures = 0;
  }
  mark.busy = false;
  if (again || status === 204) sendMark(address, mark); // what was read meanwhile
}

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const box = thread();
  if (box?.contains(detail.target)) { place.height = box.scrollHeight; place.top = box.scrollTop; place.end = atEnd(box); }
});
function keepOneBeginning() { // a part that is fetched again does not know that older ones stand above it by now
  all("[data-part]").slice(1).forEach((part) => one("[data-older], [data-beginning]", part)?.remove());
}

body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const target = detail.target;
  keepOneBeginning();
  if (target.id === "conversation") {
    openedConversation();
    if (detail.requestConfig.triggeringEvent?.detail === 0) one("[data-heading]")?.focus({ preventScroll: true }); // by keyboard
  } else if (detail.elt.matches?.("[data-load-older]") || detail.requestConfig.elt?.matches?.("[data-load-older]")) {
    const box = thread();
    detail.requestConfig.elt.closest("[data-older]")?.remove();
    box.scrollTop = place.top + box.scrollHeight - place.height;
  } else if (thread()?.contains(target) || target.matches?.("[data-part]")) noteNew();
  markOpenRow();
  tellTimes();
});

body.addEventListener("hub:sent", () => { // follow what was just written
  const box = thread();
  if (box) box.scrollTop = box.scrollHeight;
  place.end = true;
  body.dispatchEvent(new Event("hub:changed"));
});

addEventListener("popstate", () => location.reload());

// ---- The list's filters are kept in the address ---------------------------------------------------------------------------------

body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = detail.elt;
  if (!form.matches?.("[data-filters]")) return;
  const wanted = new URLSearchParams([...new FormData(form)].filter(([name, value]) => value && !(name === "view" && value === "all")));
  history.replaceState(history.state, "", `${location.pathname}${wanted.size ? `?${wanted}` : ""}`);
  const out = one("[data-export]");
  if (out) out.search = wanted.toString();
  const back = one("[data-bulk] [name=back]");
  if (back) back.value = location.pathname + location.search;
});

// ---- Shortcuts: off while somebody types, and where the profile says so -------------------------------------------------------------

const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function step(by) {
  const rows = all("[data-list] .row");
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement.closest?.(".row"));
  const from = at >= 0 ? at : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, from < 0 ? 0 : from + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function togglePane(open) {
  const inbox = one("[data-inbox]");
  if (!inbox) return;
  const shown = inbox.toggleAttribute("data-pane-open", open);
  all("[data-toggle-pane]").forEach((button) => button.setAttribute("aria-expanded", String(shown)));
}

const SHORTCUTS = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => one("[data-search]")?.focus(),
  n: () => { const tab = one("#tab-note"); if (tab) tab.click(); else { togglePane(true); one("[data-note]")?.focus(); } },
  c: () => { const tab = one("#tab-answer") ?? one("#tab-template"); tab?.focus(); tab?.click(); },
  r: () => all("[data-inbound] [data-reply]").at(-1)?.click(),
  i: () => togglePane(),
  e: () => one("[data-mark-done]")?.click(),
  u: () => one("[data-mark-unread]")?.click(),
  "?": () => one("#shortcuts")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !one("dialog[open]")) {
    if (one("[data-pane-open]")) togglePane(false);
    else if (isTyping(event.target)) event.target.blur();
    else if (innerWidth < 1024) one("[data-back]")?.click();
    else one("[data-row] > .row[aria-current]")?.focus();
    return;
  }
  if (!body.hasAttribute("data-shortcuts") || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || one("dialog[open]")) return;
  const shortcut = SHORTCUTS[event.key.toLowerCase()];
  if (shortcut) { event.preventDefault(); shortcut(); }
});

// ---- Small things by attribute ------------------------------------------------------------------------------------------------------

const CLICKS = {
  "data-copy": async (button) => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // outside https there is no clipboard
      const area = Object.assign(document.createElement("textarea"), { value: text });
      (button.closest("dialog") ?? body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast(body.dataset.copied);
  },
  "data-open-dialog": (button) => document.getElementById(button.dataset.openDialog)?.showModal(),
  "data-dismiss": (button) => button.closest("[data-toast]").remove(),
  "data-toggle-pane": () => togglePane(),
  "data-to-bottom": () => { const box = thread(); box.scrollTo({ top: box.scrollHeight, behavior: "smooth" }); },
  "data-jump-to": (link, event) => {
    const target = document.getElementById(link.dataset.jumpTo);
    event.preventDefault();
    if (!target) { location.assign(link.dataset.fallback); return; }
    target.scrollIntoView({ block: "center" });
    target.classList.add("message-target");
    setTimeout(() => target.classList.remove("message-target"), 2000);
  },
};

document.addEventListener("click", (event) => {
  for (const [attribute, act] of Object.entries(CLICKS)) {
    const element = event.target.closest(`[${attribute}]`);
    if (element) act(element, event);
  }
});
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) { event.preventDefault(); event.stopImmediatePropagation(); }
}, true);
document.addEventListener("submit", ({ target }) => { // whoever signs in here next must not find them
  if (target.matches("form[action*='/logout/']")) Object.keys(localStorage).filter((key) => key.startsWith("draft:")).forEach((key) => localStorage.removeItem(key));
  if (target.matches("form[action*='/logout/']")) indexedDB.deleteDatabase("hub-attachments");
});
document.addEventListener("change", (event) => { // what was typed is searched for already; leaving the field must not do it again
  if (event.target.matches("input[type=search]")) event.stopPropagation();
}, true);
document.addEventListener("change", ({ target }) => {
  if (target.closest("[data-submit-on-change]")) target.form?.requestSubmit();
  const rows = target.dataset.checkAll;
  if (rows) all(rows).forEach((box) => { box.checked = target.checked; box.dispatchEvent(new Event("change", { bubbles: true })); });
});

function countChosen() {
  const bar = one("[data-bulk-bar]");
  if (!bar) return;
  const chosen = all("input[name=contact]:checked").length;
  bar.hidden = chosen === 0;
  const words = one("[data-bulk-count]", bar);
  words.textContent = chosen === 1 ? words.dataset.one : words.dataset.many.replace("{n}", chosen);
}
document.addEventListener("change", ({ target }) => { if (target.name === "contact") countChosen(); });
body.addEventListener("htmx:afterSwap", countChosen); // who is chosen and no longer shown is chosen no more
document.addEventListener("submit", ({ target }) => {
  const sign = target.matches("[data-busy]") && one("[data-busy-sign]", target);
  if (sign) { sign.classList.remove("hidden"); sign.closest("button").disabled = true; }
});

tellTimes();
one("[data-settings-nav] [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // which runs sideways on a phone
if (one("[data-inbox]")) openedConversation();
