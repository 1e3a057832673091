"""All lanes and chores of the worker."""

from api.media.expired_media import delete_expired_media
from api.sending.idempotency import delete_old_requests
from bots.ai_pages import proof_lane
from bots.answering import remote_lane, timers, turns, web_calls
from bots.answering.ai_limits import release_lost_reservations
from bots.automatic.reminders import send_reminders
from bots.files.unused_files import delete_unused_files
from bots.publishing import contact_switches
from bots.trials import dry_run_queue
from chats.conversations.sessions.session_expiry import close_expired_sessions
from chats.conversations.unmatched_statuses import delete_old_unmatched
from chats.exports import export_lane
from chats.exports.deletion import expire_exports
from chats.media import downloads
from chats.message_templates.sync import sync_due_templates
from chats.outbox import read_receipts, sender
from chats.text_search.index import index_texts
from contacts.csv import import_queue
from events.delivery import lane as event_lane
from events.delivery.log_expiry import delete_old_deliveries, delete_removed_endpoints, give_up_old_deliveries
from jobs.workers.worker import AnyLane, Chore
from monitoring.number_checks import watch
from organizations import mail
from organizations.audit.retention import remove_old_entries
from organizations.audit.seals import seal_entries
from organizations.login.user_sessions import delete_expired_sessions
from organizations.number_watch.meta_reports import ask_meta
from organizations.numbers.credential_checks import check_ownerships
from organizations.numbers.ownership import move_replaced
from privacy.erasure import lane as erasures
from privacy.organization_end.chore import delete_organizations
from privacy.person_export import export_queue
from privacy.retention.chores import prune_organizations, prune_platform_webhooks
from webhooks.processing import held_items, pipeline

LANES: list[AnyLane] = [
    *pipeline.LANES,
    turns.LANE,
    timers.LANE,
    web_calls.LANE,
    remote_lane.LANE,
    sender.LANE,
    read_receipts.LANE,
    downloads.LANE,
    mail.LANE,
    import_queue.LANE,
    export_lane.LANE,
    dry_run_queue.LANE,
    contact_switches.LANE,
    proof_lane.LANE,
    event_lane.LANE,
    erasures.LANE,
    export_queue.LANE,
]

LANE_GROUPS = {
    "webhooks": ["webhooks", "large-webhooks", "held"],
    "bots": ["bots", "bot-timers", "bot-calls", "bot-requests"],
    "outbox": ["outbox", "receipts"],
    "media": ["files"],
    "events": ["events"],
    "exports": ["person-exports"],
}
"""Lanes that an operator of the engine `celery` routes to hosts together. The group `other` has all other lanes and the chores."""

CHORES = [
    Chore("release-waiting", held_items.release_waiting_items, every=3.0),
    Chore("retry-own", held_items.release_proven_items, every=30.0),
    Chore("move-numbers", move_replaced, every=10.0),
    Chore("check-ownership", check_ownerships, every=30.0),
    Chore("ask-meta", ask_meta, every=60.0),
    Chore("watch-numbers", watch.NumberWatch().run, every=watch.INTERVAL),
    Chore("sync-templates", sync_due_templates, every=5.0),
    Chore("close-sessions", close_expired_sessions, every=15.0),
    Chore("release-reservations", release_lost_reservations, every=300.0),
    Chore("send-reminders", send_reminders, every=60.0),
    Chore("index-texts", index_texts, every=12.0),
    Chore("expire-imports", import_queue.delete_expired_imports, every=600.0),
    Chore("expire-exports", expire_exports, every=60.0),
    Chore("forget-send-requests", delete_old_requests, every=60.0),
    Chore("expire-media", delete_expired_media, every=60.0),
    Chore("seal-audit-log", seal_entries, every=5.0),
    Chore("remove-audit-log", remove_old_entries, every=60.0),
    Chore("forget-unmatched", delete_old_unmatched, every=3600.0),
    Chore("expire-sessions", delete_expired_sessions, every=3600.0),
    Chore("give-up-deliveries", give_up_old_deliveries, every=300.0),
    Chore("delete-deliveries", delete_old_deliveries, every=3600.0),
    Chore("delete-endpoints", delete_removed_endpoints, every=60.0),
    Chore("expire-person-exports", export_queue.delete_expired_exports, every=600.0),
    Chore("prune-organizations", prune_organizations, every=20.0),
    Chore("delete-organizations", delete_organizations, every=20.0),
    Chore("prune-webhooks", prune_platform_webhooks, every=20.0),
    Chore("delete-unused-files", delete_unused_files, every=6 * 3600.0),
]
