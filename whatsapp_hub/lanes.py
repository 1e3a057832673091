"""What the worker does, all of it."""

from chats import outbox, receipts
from chats.media import fetching
from chats.message_templates.syncing import sync_due_templates
from chats.sweeping import close_expired_sessions
from chats.text_search.index import index_texts
from chats.unmatched_statuses import forget_old_unmatched
from contacts import import_queue
from jobs.worker import AnyLane, Chore
from organizations import mail
from organizations.checking import check_proofs
from organizations.ownership import move_replaced
from organizations.user_sessions import delete_expired_sessions
from webhooks import applying, held_items

LANES: list[AnyLane] = [*applying.LANES, outbox.LANE, receipts.LANE, fetching.LANE, mail.LANE, import_queue.LANE]

CHORES = [
    Chore("release-waiting", held_items.release_waiting, every=3.0),
    Chore("retry-own", held_items.retry_own, every=30.0),
    Chore("move-numbers", move_replaced, every=10.0),
    Chore("check-ownership", check_proofs, every=30.0),
    Chore("sync-templates", sync_due_templates, every=5.0),
    Chore("close-sessions", close_expired_sessions, every=15.0),
    Chore("index-texts", index_texts, every=12.0),
    Chore("expire-imports", import_queue.delete_expired_imports, every=600.0),
    Chore("forget-unmatched", forget_old_unmatched, every=3600.0),
    Chore("expire-sessions", delete_expired_sessions, every=3600.0),
]
