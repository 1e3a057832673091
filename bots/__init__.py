"""Who answers: automatic messages and bots."""
