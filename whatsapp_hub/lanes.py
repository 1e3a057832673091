"""All lanes and chores of the worker."""

from bots.answering import timers, turns, web_calls
from bots.automatic.reminders import send_reminders
from bots.publishing import dry_run_queue
from chats.conversations.session_expiry import close_expired_sessions
from chats.conversations.unmatched_statuses import delete_old_unmatched
from chats.media import downloads
from chats.message_templates.sync import sync_due_templates
from chats.outbox import read_receipts, sender
from chats.text_search.index import index_texts
from contacts.csv import import_queue
from jobs.worker import AnyLane, Chore
from organizations import mail
from organizations.login.user_sessions import delete_expired_sessions
from organizations.numbers.credential_checks import check_ownerships
from organizations.numbers.ownership import move_replaced
from webhooks.processing import held_items, pipeline

LANES: list[AnyLane] = [
    *pipeline.LANES,
    turns.LANE,
    timers.LANE,
    web_calls.LANE,
    sender.LANE,
    read_receipts.LANE,
    downloads.LANE,
    mail.LANE,
    import_queue.LANE,
    dry_run_queue.LANE,
]

CHORES = [
    Chore("release-waiting", held_items.release_waiting_items, every=3.0),
    Chore("retry-own", held_items.release_proven_items, every=30.0),
    Chore("move-numbers", move_replaced, every=10.0),
    Chore("check-ownership", check_ownerships, every=30.0),
    Chore("sync-templates", sync_due_templates, every=5.0),
    Chore("close-sessions", close_expired_sessions, every=15.0),
    Chore("send-reminders", send_reminders, every=60.0),
    Chore("index-texts", index_texts, every=12.0),
    Chore("expire-imports", import_queue.delete_expired_imports, every=600.0),
    Chore("forget-unmatched", delete_old_unmatched, every=3600.0),
    Chore("expire-sessions", delete_expired_sessions, every=3600.0),
]
