"""The page about privacy of an organization, for its administrators and its data protection officer, and the page of a deletion."""
