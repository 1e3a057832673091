// Files of drafts, by conversation, in the browser's database, so that they survive a reload. Where that fails, the browser asks before
// the page is left.

import { ATTACHMENT_DATABASE } from "../common/browser_storage.js";

const STORE = "drafts";
const MAX_DAYS = 7;

const unstored = new Set(); // keys of drafts whose files only the page has
let lastWrite = Promise.resolve(); // writes run one after the other, as each replaces the one before
let pendingWrites = 0;

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(ATTACHMENT_DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// Runs `act` in a transaction. Returns the result of the request that it returns.
async function runInStore(mode, act) {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export function storeFiles(key, attachments) {
  const rows = attachments.map(({ id, file, original, asDocument, isVoice }) => ({
    id,
    file,
    original,
    asDocument,
    isVoice,
  }));
  const write = (store) => (rows.length ? store.put({ at: Date.now(), rows }, key) : store.delete(key));
  pendingWrites += 1;
  lastWrite = lastWrite
    .then(() => runInStore("readwrite", write))
    .then(
      () => unstored.delete(key),
      () => (rows.length ? unstored.add(key) : unstored.delete(key)),
    )
    .finally(() => {
      pendingWrites -= 1;
    });
}

export async function loadFiles(key) {
  try {
    return (await runInStore("readonly", (store) => store.get(key)))?.rows ?? [];
  } catch {
    return []; // no database in this browser
  }
}

export function deleteOldFiles() {
  const oldest = Date.now() - MAX_DAYS * 24 * 3600 * 1000;
  return runInStore("readwrite", (store) => {
    store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      if (cursor.value.at < oldest) cursor.delete();
      cursor.continue();
    };
  }).catch(() => {}); // no database in this browser
}

addEventListener("beforeunload", (event) => {
  if (unstored.size || pendingWrites) event.preventDefault();
});
