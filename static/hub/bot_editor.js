// The editor of bots. Without scripts, its forms and links work, and everything is on one page.

import "./bot_editor/saving.js";
import "./bot_editor/cards.js";
import "./bot_editor/add_step.js";
import "./bot_editor/counters.js";
import "./bot_editor/insertions.js";
import "./bot_editor/tabs.js";
import "./bot_editor/diagram.js";
import "./bot_editor/keyboard.js";
