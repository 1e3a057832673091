"""The webhook log of an organization: its pages (`views`), and the queries for them (`selectors`)."""
