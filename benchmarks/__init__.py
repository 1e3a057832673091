"""How fast the hub is, and how it compares: see README.md. Nothing here is needed to run the hub."""
