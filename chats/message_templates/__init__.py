"""Message templates: what Meta has of them, filling them in, and making new ones."""
