// Scripts of the composer, in which staff write. Without them, its forms and links work.

import "./pickers/emoji_picker.js";
import "./pickers/reaction_picker.js";
import "./composer/mount.js";
import "./composer/keyboard.js";
import "./composer/notes.js";
import "./composer/take_over.js";
import "./composer/window_check.js";
import "./composer/failed_messages.js";
import "./attachments/file_selection.js";
