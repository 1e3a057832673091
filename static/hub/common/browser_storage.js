// What the hub stores in the browser. It works without: a browser may have no storage, or a full one.

export const DRAFT_PREFIX = "draft:"; // of the keys of drafts in localStorage
export const ATTACHMENT_DATABASE = "hub-attachments"; // files of drafts, in IndexedDB

// Returns the stored value, or `fallback` if there is none that can be read.
export function readJson(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback; // no storage, or not what the hub stored
  }
}

// Stores a value; `null` removes it. Returns whether that worked.
export function writeJson(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false; // full or forbidden
  }
}

export function deleteDrafts() {
  for (const key of Object.keys(localStorage)) if (key.startsWith(DRAFT_PREFIX)) localStorage.removeItem(key);
  indexedDB.deleteDatabase(ATTACHMENT_DATABASE);
}
