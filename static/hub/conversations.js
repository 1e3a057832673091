// The list of conversations: what was begun in one and not sent stands in its row. Texts are kept by composer.js.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function draftOf(row) {
  try {
    return (JSON.parse(localStorage.getItem(row.dataset.draftKey))?.text ?? "").trim();
  } catch { // no storage, or not what we put there
    return "";
  }
}

function showDrafts() {
  for (const row of all("[data-draft-key]")) {
    const isOpen = row.querySelector(".row")?.hasAttribute("aria-current");
    const words = isOpen ? "" : draftOf(row).slice(0, 120);
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
