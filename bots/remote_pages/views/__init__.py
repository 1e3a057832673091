"""The views of webhook bots and of the log of requests."""
