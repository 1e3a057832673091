import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const REPLIES = { preço: "São R$ 5.", pix: "Nossa chave é o e-mail.", "pix-empresa": "A chave da empresa é outra." };
const COMPOSER = `<div id="composer" data-key="draft:1:1:1" data-most-text="4096" data-most-caption="1024" data-counted-from="3800"
    data-reply-found="{n} reply" data-replies-found="{n} replies" data-limits="{}" data-without-caption="">
  <form data-answer><textarea data-text></textarea><span data-count></span></form>
  <ul id="canned-list" role="listbox" hidden></ul><button data-open-canned></button><div id="composer-error"></div></div>
  <p id="announcer"></p>`;
const requested = [];
const htmx = { trigger: (element, name) => requested.push([element.id, name]) };
openPage(`<body><main></main></body>`, { htmx, innerHeight: 800, innerWidth: 1440 });
document.defaultView.Element.prototype.scrollIntoView = () => {};
const { handleListKey } = await import("../../static/hub/pickers/canned_reply_list.js");

const one = (selector) => document.querySelector(selector);
const text = () => one("[data-text]").value;
const isOpen = () => !one("#canned-list").hidden;
const shown = () => [...document.querySelectorAll("[role=option]:not([hidden])")].map((each) => each.dataset.shortcut);
const selected = () => one("[aria-selected=true]")?.dataset.shortcut;
const press = (key, options = {}) => handleListKey({ key, shiftKey: false, ...options });

function type(value) {
  one("[data-text]").value = value;
  one("[data-text]").dispatchEvent(new Event("input", { bubbles: true }));
}

// As htmx does when the server has answered.
function arrive(replies = REPLIES) {
  const options = Object.entries(replies).map(
    ([shortcut, words], index) =>
      `<li role="option" id="reply-${index}" data-shortcut="${shortcut}" data-words="${words}"></li>`,
  );
  one("#canned-list").innerHTML = options.join("") || "<li data-none></li>";
  one("#canned-list").dispatchEvent(new Event("htmx:afterSwap"));
}

beforeEach(() => {
  one("main").innerHTML = COMPOSER;
  requested.length = 0;
});

test("the replies are requested once, at the first slash", () => {
  type("/");
  assert.deepEqual(requested, [["canned-list", "hub:canned"]]);
  assert.ok(!isOpen());
  arrive();
  assert.ok(isOpen());
  type("/p");
  assert.equal(requested.length, 1);
});

test("shortcuts are found without accents and case, and their number is announced", () => {
  type("/");
  arrive();
  type("/PRECO");
  assert.deepEqual(shown(), ["preço"]);
  assert.equal(one("#announcer").textContent, "1 reply");
  type("/pix");
  assert.deepEqual(shown(), ["pix", "pix-empresa"]);
  assert.equal(one("#announcer").textContent, "2 replies");
  type("/nothing");
  assert.ok(!isOpen());
});

test("arrows go round, and Enter inserts the reply in place of what was typed", () => {
  type("/pix");
  arrive();
  const seen = ["ArrowDown", "ArrowDown", "ArrowUp"].map((key) => press(key) && selected());
  assert.deepEqual(seen, ["pix-empresa", "pix", "pix-empresa"]);
  assert.equal(one("[data-text]").getAttribute("aria-activedescendant"), one("[aria-selected=true]").id);
  assert.ok(press("Enter"));
  assert.equal(text(), REPLIES["pix-empresa"]);
  assert.ok(!isOpen());
  assert.equal(one("[data-text]").getAttribute("aria-activedescendant"), null);
});

test("Enter belongs to the text where no reply is offered", () => {
  assert.ok(!press("Enter"));
  type("/");
  arrive({});
  assert.ok(isOpen());
  assert.ok(!press("Enter"));
  assert.ok(!press("Enter", { shiftKey: true }));
});

test("a slash within a text opens nothing", () => {
  for (const words of ["e/ou", "/pix agora", " /pix"]) {
    type(words);
    assert.ok(!isOpen(), words);
  }
  assert.deepEqual(requested, []);
});

test("a slash that the button has put there goes with the list, a typed one stays", () => {
  one("[data-open-canned]").click();
  assert.equal(text(), "/");
  arrive();
  assert.ok(press("Escape"));
  assert.equal(text(), "");
  type("/pix");
  assert.ok(press("Escape"));
  assert.equal(text(), "/pix");
});

test("the button closes what it has opened, and does nothing to a text", () => {
  one("[data-open-canned]").click();
  arrive();
  one("[data-open-canned]").click();
  assert.ok(!isOpen());
  assert.equal(text(), "");
  type("Bom dia");
  one("[data-open-canned]").click();
  assert.equal(text(), "Bom dia");
});

test("a click chooses a reply", () => {
  type("/pre");
  arrive();
  one("[role=option]:not([hidden])").click();
  assert.equal(text(), "São R$ 5.");
  assert.equal(document.activeElement, one("[data-text]"));
});
