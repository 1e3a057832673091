"""What measurements run against: the hub under test, its databases with their rows, and processes."""
