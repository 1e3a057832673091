"""Files of messages: fetched from Meta, taken from staff, sent, and served."""
