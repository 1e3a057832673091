// The results of a bot: a diagram that is wider than the screen shows its first step.

import { showFirstStep } from "./bot_editor/first_step.js";
import { one } from "./common/dom.js";

const box = one(".diagram-scroll");
if (box) showFirstStep(box);
