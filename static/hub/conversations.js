// The list of conversations: what was begun in one and not sent stands in its row. Texts are kept by composer.js.

// Marks as chats/formatting.py reads them. Links and code have none within.
const KEPT = /(\S*:\/\/\S+|```.+?```|(?<![`\p{L}\p{N}_])`[^`\n]+`(?![`\p{L}\p{N}_]))/su;
const MARKS = [
  /(?<![*\p{L}\p{N}_])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![*\p{L}\p{N}_])/gu,
  /(?<![_\p{L}\p{N}])_(?=[^\s_])([^_\n]*[^\s_])_(?![_\p{L}\p{N}])/gu,
  /(?<![~\p{L}\p{N}_])~(?=[^\s~])([^~\n]*[^\s~])~(?![~\p{L}\p{N}_])/gu,
];
const QUOTE = /^> *(?=\S)/gmu;

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function draftOf(row) {
  try {
    return (JSON.parse(localStorage.getItem(row.dataset.draftKey))?.text ?? "").trim();
  } catch { // no storage, or not what we put there
    return "";
  }
}

function withoutMarks(text) { // as previews of messages are
  const parts = text.replace(QUOTE, "").split(KEPT).map((part, index) => {
    if (index % 2) return part.replace(/^`+|`+$/gu, "");
    const everyLevel = [...MARKS, ...MARKS, ...MARKS];
    return everyLevel.reduce((left, mark) => left.replace(mark, "$1"), part);
  });
  return parts.join("").trim() ? parts.join("") : text;
}

function showDrafts() {
  for (const row of all("[data-draft-key]")) {
    const isOpen = row.querySelector(".row")?.hasAttribute("aria-current");
    const words = isOpen ? "" : withoutMarks(draftOf(row)).slice(0, 120);
    row.querySelector("[data-draft]").hidden = !words;
    row.querySelector("[data-draft-words]").textContent = words;
    row.toggleAttribute("data-has-draft", Boolean(words));
  }
}

function titleOfList() { // a conversation that was closed gives its name back
  if (document.querySelector("[data-inbox]") && !document.querySelector("[data-conversation]")) {
    document.title = document.title.split(" · ").slice(-2).join(" · ");
  }
}

document.body.addEventListener("htmx:afterSettle", () => { showDrafts(); titleOfList(); });
addEventListener("storage", ({ key }) => { if (key?.startsWith("draft:")) showDrafts(); });
addEventListener("pageshow", showDrafts);
showDrafts();
