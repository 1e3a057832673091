// A page for modules that need a document. Each test file runs in a process of its own, so it can have one page.

import { webcrypto } from "node:crypto";
import { JSDOM } from "jsdom";

const GLOBALS = ["document", "Event", "CustomEvent", "KeyboardEvent", "localStorage", "File", "Image"];

// Must run before the modules are imported: some read the document at once. `extra`: what jsdom does not have.
export function openPage(html, extra = {}) {
  const { window } = new JSDOM(html, { url: "https://hub.example/" });
  for (const name of GLOBALS) globalThis[name] = window[name];
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
    globalThis[name] = window[name].bind(window);
  }
  globalThis.window = window;
  globalThis.crypto ??= webcrypto; // before Node 19
  for (const [name, value] of Object.entries(extra)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    Object.defineProperty(window, name, { value, configurable: true, writable: true });
  }
  return window;
}
