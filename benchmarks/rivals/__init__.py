"""What the hub is compared to. Each says how it is run and why that is fair to it."""
