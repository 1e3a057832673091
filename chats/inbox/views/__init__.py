"""Pages and fragments of the inbox, canned replies and message templates."""
