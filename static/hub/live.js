// What open pages show stays true: one event stream tells that something changed, and the parts of the page that are marked with
// data-live are fetched again. This file also says when there is no connection, and when the page is not the user's any more.

const body = document.body;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
const jitter = () => 0.75 + Math.random() / 2; // not all pages at the same moment

const RETRY = 3_000;
const SILENCE = 60_000; // the server sends a comment every 25 seconds
const live = { revision: Number(body.dataset.revision), stream: null, isOpen: false, failures: 0, retry: 0, isClosed: false };

// ---- The parts of the page -----------------------------------------------------------------------------------------------------

const ALWAYS = "[data-latest], #list-live, [hx-select-oob]"; // what brings other parts of the page with it, or is announced
const parts = { isBusy: false, isDirty: false };

function isOnScreen(part) {
  const box = part.getBoundingClientRect();
  return box.bottom > -200 && box.top < innerHeight + 200 && box.width > 0;
}

const outOfSight = new IntersectionObserver((entries) => { // what changed while it was not in sight is fetched when it is
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    outOfSight.unobserve(target);
    htmx.trigger(target, "hub:refresh");
  }
}, { rootMargin: "200px" });

function fetchPart(part) {
  return new Promise((resolve) => {
    part.addEventListener("htmx:afterRequest", resolve, { once: true });
    setTimeout(resolve, 10_000);
    htmx.trigger(part, "hub:refresh");
  });
}

async function refresh() {
  if (live.isClosed) return;
  if (parts.isBusy) { parts.isDirty = true; return; }
  parts.isBusy = true;
  parts.isDirty = false;
  const shown = [];
  for (const part of all("[data-live]")) {
    outOfSight.unobserve(part);
    if (part.matches(ALWAYS) || isOnScreen(part)) shown.push(part);
    else outOfSight.observe(part);
  }
  await Promise.all(shown.map(fetchPart));
  parts.isBusy = false;
  if (parts.isDirty) refresh();
}

body.addEventListener("hub:changed", refresh);

// ---- The event stream. Read with fetch, because an EventSource shows neither the response's status nor the comments ---------------

async function listen() {
  if (live.isClosed) return;
  clearTimeout(live.retry);
  live.stream?.abort();
  const stream = new AbortController();
  live.stream = stream;
  live.isOpen = false;
  try {
    const headers = { Accept: "text/event-stream" };
    const response = await fetch(body.dataset.stream, { headers, signal: stream.signal, cache: "no-store", redirect: "manual" });
    if (response.status === 404) await checkAccess();
    if (response.status === 200) await readStream(response.body.getReader(), stream);
  } catch { // no connection, or it broke
  }
  if (live.stream === stream && !live.isClosed) breakOff();
}

async function readStream(reader, stream) {
  let isSilent = 0;
  const decoder = new TextDecoder();
  let unread = "";
  opened();
  for (;;) {
    clearTimeout(isSilent);
    isSilent = setTimeout(() => stream.abort(), SILENCE);
    const { value, done } = await reader.read().finally(() => clearTimeout(isSilent));
    if (done) return;
    const events = (unread + decoder.decode(value, { stream: true })).split("\n\n");
    unread = events.pop();
    events.forEach(readEvent);
  }
}

function readEvent(event) {
  if (/^event: closed$/m.test(event)) { checkAccess(); return; }
  const revision = Number(/^data: (\d+)$/m.exec(event)?.[1] ?? live.revision);
  if (revision === live.revision) return;
  live.revision = revision;
  refresh();
}

function opened() {
  live.isOpen = true;
  live.failures = 0;
  sayConnection("live");
}

async function breakOff() { // the page fetches what it shows now and then, ever slower, and slower still where nobody looks
  live.isOpen = false;
  if (checking) await checking;
  if (live.isClosed) return;
  live.failures += 1;
  const stream = live.stream;
  const isReachable = await reachesHub();
  if (live.stream !== stream || live.isClosed) return;
  if (!isReachable) sayConnection("offline");
  else if (live.failures > 1) {
    sayConnection("polling");
    refresh();
  }
  live.retry = setTimeout(listen, untilNextTry(isReachable) * jitter());
}

function untilNextTry(isReachable) { // milliseconds; a process that ends is often back at once
  if (live.failures === 1) return RETRY;
  if (!isReachable) return document.hidden ? 10 * RETRY : RETRY;
  return document.hidden ? 120_000 : Math.min(60_000, RETRY * 2 ** Math.min(live.failures - 1, 5));
}

// ---- The connection: said when it is lost and when it is back -------------------------------------------------------------------

async function reachesHub() {
  if (!navigator.onLine) return false;
  await pause(300 * Math.random());
  try {
    return (await fetch(body.dataset.probe, { cache: "no-store", signal: AbortSignal.timeout(1_500) })).status < 500;
  } catch {
    return false;
  }
}

let connection = "live";

function sayConnection(now) {
  const before = connection;
  connection = now;
  const bar = one("#offline");
  bar.hidden = now === "live";
  for (const words of all("[data-connection]", bar)) words.hidden = words.dataset.connection !== now;
  if (before !== "offline" || now === "offline") return;
  const detail = { words: body.dataset.backOnline, kind: "alert-success" };
  body.dispatchEvent(new CustomEvent("hub:toast", { detail }));
  refresh();
}

addEventListener("offline", () => sayConnection("offline"));
addEventListener("online", listen);
document.addEventListener("visibilitychange", () => { if (!document.hidden && !live.isOpen) listen(); });
addEventListener("pagehide", () => { const { stream } = live; live.stream = null; stream?.abort(); clearTimeout(live.retry); });
addEventListener("pageshow", (event) => { if (event.persisted) { refresh(); listen(); } });

// ---- The end of access: one notice, whatever met it first -------------------------------------------------------------------------

const REFUSED = { 403: true, 404: true };
const isSignInAddress = (address) => /\/accounts\/login\//.test(address ?? "");

function closePage(reason) {
  live.isClosed = true;
  live.stream?.abort();
  clearTimeout(live.retry);
  one("#offline").hidden = true;
  const notice = one("#page-closed");
  for (const section of all("[data-reason]", notice)) section.hidden = section.dataset.reason !== reason;
  if (!notice.open) notice.showModal();
}

let checking = null;

function checkAccess() { // whether the user may still enter the organization; several who ask at once share one request
  checking ??= askForAccess().finally(() => { checking = null; });
  return checking;
}

async function askForAccess() {
  try {
    const response = await fetch(body.dataset.access, { cache: "no-store", redirect: "manual" });
    if (response.type === "opaqueredirect") closePage("signed-out");
    else if (response.status in REFUSED) closePage("no-access");
    return response.status === 204;
  } catch { // no connection: not the end of access
    return false;
  }
}

async function onRefusal({ detail }) {
  if (!(detail.xhr?.status in REFUSED)) return;
  const isIn = await checkAccess();
  if (!isIn) return;
  if (detail.elt.matches?.("[data-live]")) closePage("gone");
  else body.dispatchEvent(new CustomEvent("hub:toast", { detail: { words: body.dataset.refused, kind: "alert-error" } }));
}

body.addEventListener("htmx:responseError", onRefusal);
body.addEventListener("htmx:beforeOnLoad", (event) => {
  if (!isSignInAddress(event.detail.xhr.getResponseHeader("HX-Redirect"))) return;
  event.preventDefault(); // what is being written here stays in sight
  closePage("signed-out");
});
body.addEventListener("htmx:beforeRequest", (event) => { // a closed page asks for nothing more
  if (!live.isClosed) return;
  event.preventDefault();
  const notice = one("#page-closed");
  if (event.detail.requestConfig.triggeringEvent && !notice.open) notice.showModal();
});

document.addEventListener("DOMContentLoaded", listen); // not before htmx knows the parts: it would do nothing, and never answer
