// What tells staff that somebody has written: a number in the title, a dot on the icon and, for whoever wants them, a quiet sound and
// the browser's notifications. #unread in the navigation says what is unread; each page brings it up to date.

import { all, body, one, placeBeside } from "./dom.js";

const RECENT = 600; // seconds: what is older and turns up only now is shown, and rings nobody
const MOST_TOLD = 3; // conversations by name; of more at once their number
const PATIENCE = 200; // milliseconds for the other tabs to say that they show a conversation
const LOUDNESS = 0.5;

const box = one("#unread");

function readUnread() { // by conversation, how many messages are unread and when the latest was written
  const element = one("[data-unread]", box);
  const rows = JSON.parse(element?.dataset.unread ?? "[]");
  return {
    figures: rows.length ? one("[data-figures]", element).textContent : "",
    now: Number(element?.dataset.now ?? 0),
    conversations: new Map(rows.map(([id, messages, at]) => [String(id), { messages, at }])),
  };
}

// ---- Title and icon -------------------------------------------------------------------------------------------------------------------

const PREFIX = /\(\d+\+?\)\u00a0/g; // with a space that no page's title has there
const icon = one("link[rel=icon]");
const bareIcon = icon?.href;
let figures = "";

function drawTitle() { // again after whoever opens a conversation has given the page another title
  const title = (figures ? `(${figures})\u00a0` : "") + document.title.replace(PREFIX, "");
  if (document.title !== title) document.title = title;
}

function drawIcon() {
  const wanted = figures ? box.dataset.icon : bareIcon;
  if (icon && icon.href !== new URL(wanted, location).href) icon.href = wanted;
}

// ---- New messages ---------------------------------------------------------------------------------------------------------------------

let known = new Map();

function noteUnread() {
  const told = readUnread();
  figures = told.figures;
  drawTitle();
  drawIcon();
  const latest = Math.max(0, ...[...known.values()].map(({ at }) => at));
  const isNew = ([id, { messages, at }]) => messages > (known.get(id)?.messages ?? 0) && (at > latest || told.now - at < RECENT);
  const fresh = [...told.conversations].filter(isNew);
  known = told.conversations;
  for (const [id, shown] of notifications) if (!known.has(id)) shown.close(); // somebody has read it
  if (fresh.length) alertOf(new Map(fresh));
}

async function alertOf(fresh) {
  const wantsSound = box.hasAttribute("data-sound");
  const wantsNotifications = box.hasAttribute("data-notifications") && window.Notification?.permission === "granted";
  fresh.delete(inView());
  if (!fresh.size || !(wantsSound || wantsNotifications)) return;
  await alone(async () => {
    forget(fresh, rungAlready(fresh));
    if (fresh.size) forget(fresh, await inViewElsewhere(fresh));
    if (!fresh.size) return;
    remember(fresh);
    if (wantsSound) ring();
    if (wantsNotifications) await notify([...fresh.keys()]);
  });
}

function forget(conversations, ids) {
  for (const id of ids) conversations.delete(id);
}

function ring() {
  const sound = new Audio(box.dataset.soundFile);
  sound.volume = LOUDNESS;
  sound.play().catch(() => {}); // browsers stay silent until somebody has clicked on the page
}

// ---- Several tabs: one of them rings ------------------------------------------------------------------------------------------------------

const name = `hub-alerts:${box?.dataset.user}:${box?.dataset.organization}`;
const channel = box && new BroadcastChannel(name);

function inView() {
  return document.hidden ? "" : one("[data-conversation]")?.dataset.conversation ?? "";
}

async function alone(act) { // one tab at a time; without https there are no locks, and chance decides who is first
  if (navigator.locks) { await navigator.locks.request(name, act); return; }
  await new Promise((resolve) => { setTimeout(resolve, 1000 * Math.random()); });
  await act();
}

const mark = ({ messages, at }) => `${messages} ${at}`;

function rung() {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? {};
  } catch { // no storage, or not what we put there
    return {};
  }
}

function rungAlready(fresh) {
  const before = rung();
  return [...fresh].filter(([id, each]) => before[id] === mark(each)).map(([id]) => id);
}

function remember(fresh) {
  const kept = Object.entries(rung()).filter(([id]) => known.has(id));
  const marks = [...fresh].map(([id, each]) => [id, mark(each)]);
  try {
    localStorage.setItem(name, JSON.stringify(Object.fromEntries([...kept, ...marks])));
  } catch { // full or forbidden: then each tab rings
  }
}

async function inViewElsewhere(fresh) {
  const seen = [];
  const note = ({ data }) => { if (data.shows) seen.push(data.shows); };
  channel.addEventListener("message", note);
  channel.postMessage({ asks: [...fresh.keys()] });
  await new Promise((resolve) => { setTimeout(resolve, PATIENCE); });
  channel.removeEventListener("message", note);
  return seen;
}

channel?.addEventListener("message", ({ data }) => {
  if (data.asks?.includes(inView())) channel.postMessage({ shows: inView() });
});

// ---- The browser's notifications: one for each conversation --------------------------------------------------------------------------------

const notifications = new Map();

async function notify(ids) {
  if (ids.length > MOST_TOLD) {
    show("", { title: "WhatsApp Hub", body: box.dataset.many.replace("{n}", ids.length) });
    return;
  }
  const address = `${box.dataset.notificationsUrl}?${new URLSearchParams(ids.map((id) => ["contact", id]))}`;
  const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) return;
  for (const told of (await answer.json()).notifications) show(String(told.contact), told);
}

function show(id, { title, body: text, url }) {
  const options = { body: text, tag: `${name}:${id}`, renotify: true, silent: true, icon: box.dataset.icon };
  try {
    const shown = new Notification(title, options);
    shown.onclick = () => open(shown, id, url);
    notifications.set(id, shown);
  } catch { // Chrome on Android has them for installed applications alone
  }
}

function open(shown, id, url) {
  focus();
  shown.close();
  if (!url) return;
  const row = one(`[data-row="${id}"] > a`);
  if (row) row.click();
  else location.assign(url);
}

// ---- The bell: what this user wants, and what this browser allows ----------------------------------------------------------------------------

async function allow(form) { // asked for only on a click
  if (window.Notification?.permission === "default") await Notification.requestPermission();
  drawSwitches(form);
}

function drawSwitches(form) {
  const wanted = form.elements.alert_notifications.checked;
  const state = !window.Notification || !window.isSecureContext ? "missing" : Notification.permission;
  for (const part of all("[data-alerts-state]", form)) part.hidden = !wanted || part.dataset.alertsState !== state;
}

body.addEventListener("change", ({ target }) => {
  const form = target.closest?.("[data-alerts]");
  if (!form) return;
  box.toggleAttribute("data-sound", form.elements.alert_sound.checked);
  box.toggleAttribute("data-notifications", form.elements.alert_notifications.checked);
  if (target.name === "alert_sound" && target.checked) ring();
  if (target.name === "alert_notifications" && target.checked) allow(form);
  else drawSwitches(form);
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-allow-notifications]");
  if (button) allow(button.form);
});

document.addEventListener("toggle", ({ target, newState }) => {
  if (target.id !== "alert-switches" || newState !== "open") return;
  drawSwitches(one("form", target));
  placeBeside(target, one("[data-alerts-button]"));
}, true);

if (box) {
  ({ conversations: known, figures } = readUnread()); // what was there when the page was opened rings nobody
  drawTitle();
  drawIcon();
  new MutationObserver(noteUnread).observe(box, { childList: true });
  new MutationObserver(drawTitle).observe(one("head"), { childList: true, subtree: true, characterData: true });
}
