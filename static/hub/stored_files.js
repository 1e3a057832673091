// Files that somebody has attached and not sent yet, by conversation, in the browser's database: they outlive a reload. Where that is
// not possible, whoever leaves the page is asked first.

const NAME = "hub-attachments"; // deleted by whoever signs out: see hub.js
const STORE = "drafts";
const MOST_DAYS = 7;

const unkept = new Set(); // keys of drafts that only the page has
let writing = Promise.resolve(); // one after the other, as each replaces the one before
let unwritten = 0;

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function inStore(mode, act) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export function keepFiles(key, files) {
  const rows = files.map(({ id, file, original, asDocument, isVoice }) => ({ id, file, original, asDocument, isVoice }));
  unwritten += 1;
  writing = writing.then(() => inStore("readwrite", (store) => (rows.length ? store.put({ at: Date.now(), rows }, key) : store.delete(key))))
    .then(() => unkept.delete(key), () => (rows.length ? unkept.add(key) : unkept.delete(key)))
    .finally(() => { unwritten -= 1; });
}

export async function keptFiles(key) {
  try {
    return (await inStore("readonly", (store) => store.get(key)))?.rows ?? [];
  } catch { // no database here
    return [];
  }
}

export function forgetOldFiles() {
  const before = Date.now() - MOST_DAYS * 24 * 3600 * 1000;
  return inStore("readwrite", (store) => {
    store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      if (cursor.value.at < before) cursor.delete();
      cursor.continue();
    };
  }).catch(() => {}); // no database here
}

addEventListener("beforeunload", (event) => {
  if (unkept.size || unwritten) event.preventDefault();
});
