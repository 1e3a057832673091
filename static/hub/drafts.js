// The composer in the page, and what is being written, by conversation. Texts are kept in the browser's storage, files by
// stored_files.js.

import { body, one } from "./dom.js";

export const composer = () => one("#composer");
export const words = (name) => composer().dataset[name];
export const form = () => one("[data-answer]");
export const field = () => one("[data-text]");

export function freshToken() { // outside https there is no randomUUID
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return [...bytes].map((byte, place) => ([4, 6, 8, 10].includes(place) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

const drafts = new Map();

export function draft(key = words("key")) {
  if (!drafts.has(key)) drafts.set(key, { text: "", note: "", token: "", files: [], quote: null, ...stored(key) });
  return drafts.get(key);
}

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch { // no storage, or not what we put there
    return {};
  }
}

export function keep(key = words("key")) {
  const { text, note, token } = draft(key);
  try {
    if (text || note) localStorage.setItem(key, JSON.stringify({ text, note, token }));
    else localStorage.removeItem(key);
  } catch { // full or forbidden: it lives as long as the page
  }
}

export const isOpen = (key) => composer()?.dataset.key === key;

export function whyNotSent(xhr, notSent = words("notSent")) { // live.js says more where the page is not the user's any more
  const isRefused = xhr?.status === 403 || xhr?.status === 404 || Boolean(xhr?.getResponseHeader("HX-Redirect"));
  return isRefused ? body.dataset.notSent : notSent;
}

export function refuse(text) {
  const box = one("#composer-error");
  if (box && box.textContent !== text) box.textContent = text;
  box?.classList.toggle("composer-refused", Boolean(text));
  field()?.removeAttribute("aria-invalid");
}
