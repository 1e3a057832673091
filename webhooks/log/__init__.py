"""The webhook log of an organization: its pages (`views`), and what they read (`selectors`)."""
