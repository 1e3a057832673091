"""What the worker does, all of it."""

from chats.sweeping import close_expired_sessions
from jobs.worker import Chore
from webhooks import applying

LANES = [*applying.LANES]

CHORES = [
    Chore("release-waiting", applying.release_waiting, every=2.0),
    Chore("close-sessions", close_expired_sessions, every=15.0),
]
