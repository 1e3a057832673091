// The pages of an AI. Without scripts, their forms work, and the address of a service is typed.

import { installPresets } from "./ai/presets.js";
import { installTokenCounter } from "./ai/token_counter.js";
import { installRows } from "./automatic/rows.js";
import { installWrongFieldLinks } from "./common/wrong_fields.js";

installPresets();
installRows();
installTokenCounter();
installWrongFieldLinks();
