// Node takes a file for an ES module if a package.json beside or above it says so. static/hub has none, as it would be served.

import { register } from "node:module";

const hooks = `export function load(url, context, next) {
  return next(url, url.includes("/static/hub/") ? { ...context, format: "module" } : context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
