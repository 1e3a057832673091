// Drafts: what staff has written and not sent, by conversation. Texts are stored in localStorage, files by
// attachments/attachment_storage.js.

import { readJson, writeJson } from "../common/browser_storage.js";
import { composerData } from "./elements.js";

const drafts = new Map();

// `key`: the composer's data-key, which names user, organization and contact.
export function getDraft(key = composerData("key")) {
  if (!drafts.has(key))
    drafts.set(key, { text: "", note: "", token: "", files: [], quote: null, ...readJson(key, {}) });
  return drafts.get(key);
}

// Without storage, a draft lasts as long as the page.
export function storeDraft(key = composerData("key")) {
  const { text, note, token } = getDraft(key);
  writeJson(key, text || note ? { text, note, token } : null);
}
