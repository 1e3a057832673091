"""Stores the results of turns: queues the messages, and writes everything else that the turns changed, in few statements."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bots.answering.decisions import TurnResult
from bots.answering.remote_requests import store_requests
from bots.files.queued_messages import add_files
from bots.flows.turns.state import read_time
from bots.insight.counts import record_counts
from bots.models import AutomaticMessageSent, BotConversation, BotWebCall
from chats.outbox.message_queue import queue_bot_messages
from contacts.change_log import alias_changes, record_changes
from contacts.consent.messages import store_consent_answers
from contacts.lists.search import index_names
from contacts.models import Contact, ContactChange, Label
from contacts.owner_changes import OWNER_COLUMNS, change_owners
from contacts.services import GivenLabel, collapse_whitespace, insert_given_labels
from jobs.bulk_writes import insert_missing_rows, insert_rows, update_rows
from jobs.models import State
from jobs.wakeups import wake_after_commit
from organizations.live.revisions import publish_revisions

MAX_RECENT_ANSWERS = 200


def store_results(results: Sequence[TurnResult], now: datetime) -> None:
    """Stores the results of turns of different conversations, whose contacts are locked. Must run in a transaction."""
    changed = change_owners([change for result in results for change in result.owner_changes], now)
    numbers = {result.conversation.number.phone_number_id: result.conversation.number for result in results}
    messages = [replace(message, flow_state=result.copied_state) for result in results for message in result.messages]
    keys = {token: key for result in results for token, key in result.file_keys.items()}
    queue_bot_messages(add_files(messages, keys), numbers, now)
    update_rows(sorted(set(changed), key=lambda contact: contact.pk), (*OWNER_COLUMNS, "waiting_since"))
    _store_states([result for result in results if result.flow_state is not None or (result.remote and result.messages)])
    _store_calls(results)
    store_requests([result for result in results if result.request], now)
    insert_missing_rows([row for result in results for row in _sent_rows(result)])
    _change_contacts(results, now)
    store_consent_answers([consent for result in results for consent in result.consents], now)
    record_counts([(result.flow.version_id, result.counts) for result in results if result.flow], now=now)
    publish_revisions({result.conversation.number.organization_id for result in results})


def _sent_rows(result: TurnResult) -> list[AutomaticMessageSent]:
    contact, session_id = result.conversation.contact, result.conversation.contact.session_id
    if session_id is None:
        return []
    return [AutomaticMessageSent(contact=contact, session_id=session_id, kind=kind.value) for kind in result.automatic_kinds]


def _store_states(results: Sequence[TurnResult]) -> None:
    """Stores where the flows are, and when their timers end. This ends leases of the timers' lane."""
    new: list[BotConversation] = []
    existing: list[BotConversation] = []
    for result in results:
        stored = result.conversation.stored
        row = stored or BotConversation(contact=result.conversation.contact, state=State.WAITING.value, attempts=0, reason="")
        _set_state(row, result)
        (new if row._state.adding else existing).append(row)
    insert_rows(new)
    update_rows(
        existing,
        ("version_id", "session_id", "flow_state", "recent_answers", "state", "due_at", "lease_token", "attempts", "reason"),
    )


def _set_state(row: BotConversation, result: TurnResult) -> None:
    contact, state = result.conversation.contact, result.flow_state or {}
    timer = read_time(state.get("timer"))
    row.organization_id = result.conversation.number.organization_id
    version = result.flow or result.remote
    row.version_id = version.version_id if version else row.version_id
    row.session_id = contact.session_id
    row.flow_state = state
    row.state = State.DUE.value if timer else State.WAITING.value
    row.due_at = timer or result.conversation.now
    row.lease_token, row.attempts, row.reason = None, 0, ""
    if result.messages:
        row.recent_answers = [*row.recent_answers, int(result.conversation.now.timestamp())][-MAX_RECENT_ANSWERS:]


def _store_calls(results: Sequence[TurnResult]) -> None:
    calls = [
        BotWebCall(
            call_id=call.call_id,
            contact=result.conversation.contact,
            organization_id=result.conversation.number.organization_id,
            request={"method": call.method, "url": call.url, "headers": dict(call.headers), "body": call.body},
        )
        for result in results
        for call in result.calls
    ]
    if calls:
        BotWebCall.objects.bulk_create(calls)
        wake_after_commit(BotWebCall)


def _change_contacts(results: Sequence[TurnResult], now: datetime) -> None:
    """Gives and takes labels, and sets aliases, as flows asked for. Labels that the organization does not have are left out."""
    _change_labels([result for result in results if result.labels_to_add or result.labels_to_remove], now)
    before: list[tuple[Contact, str]] = []
    for result in results:
        contact = result.conversation.contact
        if alias := collapse_whitespace(result.alias)[:150]:
            before.append((contact, contact.alias))
            contact.alias = alias
    if before:
        contacts = sorted((contact for contact, _ in before), key=lambda contact: contact.pk)
        index_names(contacts)
        update_rows(contacts, ("alias", "search_name"))
        changes = [(pk, {**values, "by_bot": True}) for pk, values in alias_changes(before)]
        record_changes(changes, kind=ContactChange.Kind.ALIAS, by=None, now=now)


def _change_labels(results: Sequence[TurnResult], now: datetime) -> None:
    if not results:
        return
    labels = _labels_of({result.conversation.number.organization_id for result in results})
    given, taken = [], []
    for result in results:
        own, pk = labels[result.conversation.number.organization_id], result.conversation.contact.pk
        given += [(pk, own[name]) for name in sorted(result.labels_to_add) if name in own]
        taken += [(pk, own[name]) for name in sorted(result.labels_to_remove) if name in own]
    names = {label: name for own in labels.values() for name, label in own.items()}
    stored = set(GivenLabel.objects.filter(contact__in={pk for pk, _ in taken}).values_list("contact_id", "label_id"))
    removed = [pair for pair in taken if pair in stored]
    for pk, label in removed:
        GivenLabel.objects.filter(contact=pk, label=label).delete()
    for kind, pairs in (
        (ContactChange.Kind.LABEL_TAKEN, removed),
        (ContactChange.Kind.LABEL_GIVEN, sorted(insert_given_labels(given))),
    ):
        record_changes([(pk, {"label": names[label], "by_bot": True}) for pk, label in pairs], kind=kind, by=None, now=now)


def _labels_of(organization_ids: set[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(dict)
    rows: Any = Label.objects.filter(organization__in=organization_ids).values_list("organization_id", "name", "pk")
    for organization_id, name, pk in rows:
        found[organization_id][name] = pk
    return found
