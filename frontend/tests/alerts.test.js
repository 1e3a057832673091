import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

openPage("<body></body>");
const { newMessages } = await import("../../static/hub/alerts/unread.js");
const { alreadyAlerted, rememberAlerts } = await import("../../static/hub/alerts/tabs.js");

const NOW = 10_000; // seconds
const conversation = (messages, latestAt) => ({ messages, latestAt });
const fresh = (before, current) => [
  ...newMessages({ now: NOW, conversations: new Map(current) }, new Map(before)).keys(),
];

test("a message that was added is new", () => {
  assert.deepEqual(fresh([["1", conversation(1, 9_000)]], [["1", conversation(2, 9_990)]]), ["1"]);
  assert.deepEqual(fresh([], [["2", conversation(1, 9_990)]]), ["2"]);
});

test("what was unread before is not new", () => {
  const before = [["1", conversation(2, 9_990)]];
  assert.deepEqual(fresh(before, before), []);
  assert.deepEqual(fresh(before, [["1", conversation(1, 9_990)]]), []);
});

test("an old message that appears only now is new if no later one was unread", () => {
  const old = ["2", conversation(1, 5_000)];
  assert.deepEqual(fresh([["1", conversation(1, 6_000)]], [["1", conversation(1, 6_000)], old]), []);
  assert.deepEqual(fresh([["1", conversation(1, 4_000)]], [["1", conversation(1, 4_000)], old]), ["2"]);
});

beforeEach(() => localStorage.clear());

test("one tab alerts, the others know", () => {
  const conversations = new Map([["1", conversation(2, 9_990)]]);
  assert.deepEqual(alreadyAlerted(conversations), []);
  rememberAlerts(conversations, () => true);
  assert.deepEqual(alreadyAlerted(conversations), ["1"]);
  assert.deepEqual(alreadyAlerted(new Map([["1", conversation(3, 9_995)]])), [], "one more message");
});

test("marks of conversations that were read are removed", () => {
  rememberAlerts(new Map([["1", conversation(1, 1)]]), () => true);
  rememberAlerts(new Map([["2", conversation(1, 2)]]), (id) => id === "2");
  const [stored] = Object.values(localStorage);
  assert.deepEqual(Object.keys(JSON.parse(stored)), ["2"]);
});
