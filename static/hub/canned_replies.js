// The pages of canned replies. Without it, placeholders are typed.

import { installPlaceholders } from "./automatic/placeholders.js";

installPlaceholders();
