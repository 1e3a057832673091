"""Erases what is stored about a person outside of messages and webhooks. Each function works on a step of the rows and returns how
many were erased, None at the end."""

import re
import zlib
from collections.abc import Collection
from functools import partial

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from chats.exports.deletion import delete_ended_files
from chats.exports.services import end_exports
from chats.models import ExportProblem, StatusEvent, UnmatchedStatus
from cloud_api.payloads.erasure import ErasedPerson, decoded_wamid, phone_of
from cloud_api.wa_ids import candidates
from contacts.csv.import_queue import content_of
from contacts.models import Contact, ContactImport
from events.erasure import erase_deliveries
from jobs.index_hints import read_by_index
from jobs.transactions import run_in_transaction
from organizations.models import AccountEvent, Organization
from organizations.storage import record_stored_file
from privacy.erasure.messages import erase_statuses
from privacy.erasure.person import PersonToErase
from privacy.export_deletion import delete_exports
from privacy.models import PersonExport

STEP = 5_000
_TYPED_PHONE = re.compile(r"\+?[\d(][\d\s().-]{6,30}\d")


def erase_statuses_without_message(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Erases statuses of messages that another system sent to the person: their ids contain the phone. The cursor is the last one
    of a number."""
    number, _, last = person.cursor.partition(" ")
    number = number or next(iter(person.numbers), "")
    if not number:
        return None
    rows = StatusEvent.objects.filter(phone_number__phone_number_id=number, wamid__gt=last, occurred_at__lte=person.until).order_by(
        "wamid"
    )
    wamids = list(rows.values_list("wamid", flat=True)[:STEP])
    if not wamids:
        following = [each for each in person.numbers if each > number]
        person.cursor = f"{following[0]} " if following else ""
        return {} if following else None
    erased_person = person.erased_person(in_own_log=False)
    theirs = [each for each in set(wamids) if _is_theirs(erased_person, each)]
    count = run_in_transaction(partial(erase_statuses, number, theirs)) if theirs else 0
    person.cursor = f"{number} {wamids[-1]}"
    return {"statuses": count}


def _is_theirs(person: ErasedPerson, wamid: str) -> bool:
    """Returns whether the id contains a phone that is nobody else's."""
    only = ErasedPerson({each: period for each, period in person.phones.items() if period.since is None}, {}, (), (), b"")
    return bool(decoded_wamid(wamid)) and any(only.is_wamid(wamid, period.until) for period in only.phones.values())


def erase_account_events(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Erases events about the person whose webhooks are not stored any more."""
    rows = AccountEvent.objects.filter(
        organization=organization_id, pk__gt=int(person.cursor or 0), occurred_at__lte=person.until
    ).order_by("pk")
    events = list(rows[:STEP])
    if not events:
        return None
    needles = person.erased_person(in_own_log=False).needles
    theirs = [each.pk for each in events if any(needle in repr(each.value) for needle in needles)]
    run_in_transaction(AccountEvent.objects.filter(pk__in=theirs).delete)
    person.cursor = str(events[-1].pk)
    return {"events": len(theirs)}


def erase_event_deliveries(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Erases events for other systems about the person, and what was sent and answered. The cursor is the last delivery."""
    erased = erase_deliveries(
        organization_id=organization_id,
        contact_ids=person.contacts,
        needles=person.erased_person(in_own_log=False).needles,
        after=int(person.cursor or 0),
    )
    if erased is None:
        return None
    person.cursor = str(erased.last)
    return {"deliveries": erased.count}


def erase_other_rows(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Erases the person in admin's log, in imports, and in exports of the person, all at once: they are few. Files with
    all contacts or conversations, which somebody can make again, are deleted."""
    run_in_transaction(partial(end_exports, organization_id=organization_id, problem=ExportProblem.ERASED))
    delete_ended_files(organization_id)
    delete_exports(PersonExport.objects.filter(organization=organization_id, contact_id__in=person.contacts))
    run_in_transaction(partial(_erase_in_admin_log, person))
    for pk in ContactImport.objects.filter(organization=organization_id).values_list("pk", flat=True):
        run_in_transaction(partial(_erase_in_import, person, pk))
    return None


def erase_unmatched_statuses(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Erases statuses in the list of those whose messages the hub does not know. The cursor is the webhook and the id of the last
    one: in this order, an index has them."""
    webhook_id, last = map(int, person.cursor.split() or (0, 0))
    after = Q(webhook_id__gte=webhook_id) & (Q(webhook_id__gt=webhook_id) | Q(pk__gt=last))
    rows = UnmatchedStatus.objects.filter(after, organization_id=organization_id).order_by("webhook_id", "pk")
    in_order = read_by_index(rows, "unmatched_status_log")
    statuses = list(in_order.values_list("pk", "wamid", "webhook_id", "received_at")[:STEP])
    if not statuses:
        return None
    erased_person = person.erased_person(in_own_log=False)
    theirs = [pk for pk, wamid, _, at in statuses if at <= person.until and _is_theirs(erased_person, wamid)]
    run_in_transaction(UnmatchedStatus.objects.filter(pk__in=theirs).delete)
    person.cursor = f"{statuses[-1][2]} {statuses[-1][0]}"
    return {}


def _erase_in_admin_log(person: PersonToErase) -> None:
    """Empties what admin's log says of the contact, and every entry with an identifier of the person."""
    of_contact = Q(content_type=ContentType.objects.get_for_model(Contact), object_id__in=[str(pk) for pk in person.contacts])
    for needle in person.erased_person(in_own_log=False).needles:
        of_contact |= Q(object_repr__contains=needle) | Q(change_message__contains=needle)
    LogEntry.objects.filter(of_contact).update(object_repr="", change_message="")


def _erase_in_import(person: PersonToErase, pk: int) -> None:
    """Empties the lines of the file that contain the person's phone. A file in which that is not possible is deleted. Of a finished
    import, the lines that were left out go whole: one of them may have the person's name without a readable phone."""
    row = ContactImport.objects.select_for_update().select_related("organization").filter(pk=pk).first()
    if row is None:
        return
    encoding = row.encoding.removesuffix("-sig")  # a byte order mark stays where it is
    text = content_of(row).decode(encoding, errors="replace")
    lines = text.splitlines(keepends=True)
    kept = ["\n" if _has_phone(each, person.phones, row.organization) else each for each in lines]
    shown = [each for each in row.shown if phone_of(str(each.get("wa_id"))) not in person.phones]
    is_finished = bool(row.faults) and not lines
    names_person = is_finished or any(
        _has_phone(str(text), person.phones, row.organization) for _line, _words, *texts in row.faults for text in texts
    )
    if kept == lines and shown == row.shown and not names_person:
        return
    if _is_broken(kept):
        record_stored_file(organization_id=row.organization_id, size=-row.size)
        row.delete()
        return
    content = zlib.compress("".join(kept).encode(encoding, errors="replace")) if lines else b""
    if content:
        record_stored_file(organization_id=row.organization_id, size=len(content) - row.size)
    changes = {"content": content, "size": len(content)}
    ContactImport.objects.filter(pk=pk).update(**changes, shown=shown, faults=[], notes={"count": 0, "first": []})


def _has_phone(line: str, phones: Collection[str], organization: Organization) -> bool:
    typed = [match[0] for match in _TYPED_PHONE.finditer(line)]
    return any(phone_of(each) in phones for text in typed for each in (text, *candidates(text, country=organization.country)))


def _is_broken(lines: Collection[str]) -> bool:
    """Returns whether a quoted cell over several lines lost its end."""
    return "".join(lines).count('"') % 2 == 1
