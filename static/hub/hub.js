// Scripts of every page. Pages work without them, by links and forms.

import "./pages/htmx_requests.js";
import "./pages/toasts.js";
import "./pages/times.js";
import "./pages/list_filters.js";
import "./pages/shortcuts.js";
import "./pages/click_actions.js";
import "./pages/confirmation.js";
import "./pages/forms.js";
import "./pages/bulk_selection.js";
import "./pages/field_errors.js";
import "./pages/unsaved_forms.js";
import { one } from "./common/dom.js";
import { installMorphGuards } from "./pages/morph_guards.js";

installMorphGuards(Idiomorph);
// On a phone this navigation scrolls sideways.
one("[data-settings-nav] [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
