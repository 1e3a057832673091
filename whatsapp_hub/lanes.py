"""What the worker does, all of it."""

from chats import outbox, receipts
from chats.media import fetching
from chats.message_templates.syncing import sync_due_templates
from chats.sweeping import close_expired_sessions
from jobs.worker import AnyLane, Chore
from webhooks import applying

LANES: list[AnyLane] = [*applying.LANES, outbox.LANE, receipts.LANE, fetching.LANE]

CHORES = [
    Chore("release-waiting", applying.release_waiting, every=2.0),
    Chore("sync-templates", sync_due_templates, every=5.0),
    Chore("close-sessions", close_expired_sessions, every=15.0),
]
