"""What measurements send: webhooks, and the clients that send them at a constant rate or as fast as possible."""
