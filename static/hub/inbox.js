// Scripts of the inbox: the list of conversations and the open one. Where staff write has scripts of its own: composer.js.

import "./inbox/thread.js";
import "./inbox/message_focus.js";
import "./inbox/conversation_drafts.js";
