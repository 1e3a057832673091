"""Events for other systems (docs/events.md): addresses and deliveries. What happened is stored by `organizations.events`.

endpoints   the addresses of an organization: settings, secrets, tests and replays
delivery    delivers events to addresses, in the order of each conversation
pages       the pages of addresses, for administrators
erasure     deletes what events have of a person
"""
