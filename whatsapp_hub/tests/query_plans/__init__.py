"""The plans of the statements on the way of a message, in a database with some ten thousand rows."""
