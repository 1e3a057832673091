// Open pages of an organization stay current. An event stream reports that something has changed, and the parts of the page with
// `data-live` are fetched again. The page also shows when there is no connection, and when the user has no access any more.

import { listen } from "./live/stream_reader.js";

// Earlier, htmx would not have processed the parts yet: it would ignore the event and never report an end.
document.addEventListener("DOMContentLoaded", listen);
