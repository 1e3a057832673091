// Alerts about new messages: a number in the title, a dot on the icon and, for users who want them, a quiet sound and the browser's
// notifications. #unread in the navigation contains what is unread; each page keeps it current.

import { watchUnread } from "./alerts/new_messages.js";
import "./alerts/switches.js";

watchUnread();
