"""Entries of the audit log in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organizations.audit.actions import AuditAction
from organizations.events.kinds import EventKind
from organizations.models import ActorKind, AuditEntry, Profile, Proof, Role

ACTIONS = dict(AuditAction.choices)
TARGETS: dict[str, str | Promise] = {
    "contact": _("contact"),
    "contacts": _("contacts"),
    "user": _("user"),
    "invitation": _("invitation"),
    "number": _("number"),
    "label": _("label"),
    "canned_reply": _("canned reply"),
    "own_canned_reply": _("own canned reply"),
    "template": _("message template"),
    "key": _("API key"),
    "bot": _("bot"),
    "import": _("import"),
    "export": _("export"),
    "event_address": _("address for events"),
    "webhook": _("webhook"),
    "membership": _("member"),
    "organization": _("organization"),
}
FIELDS: dict[str, str | Promise] = {
    "activate": _("active"),
    "added": _("added"),
    "activate_automatic_message": _("automatic messages"),
    "alias": _("name given by staff"),
    "api_key": _("key of the AI"),
    "app_secret": _("app secret"),
    "audit_days": _("days of the audit log"),
    "authenticator": _("authenticator app"),
    "blocked": _("blocked"),
    "code": _("code of the second factor"),
    "colour": _("colour"),
    "content": _("content"),
    "count": _("number of objects"),
    "country": _("country"),
    "created": _("created"),
    "default_ai": _("AI of the number"),
    "default_bot": _("bot of the number"),
    "default_profile": _("who answers new contacts"),
    "done": _("done"),
    "downloaded": _("downloaded"),
    "email": _("e-mail"),
    "ending": _("ended"),
    "expires_at": _("expires"),
    "file_days": _("days to keep files"),
    "format": _("format"),
    "host": _("host"),
    "kind": _("kind"),
    "kinds": _("events"),
    "label_id": _("label"),
    "labels": _("labels"),
    "language": _("language"),
    "marketing_words": _("words about marketing messages"),
    "message_days": _("days to keep messages"),
    "meta_token": _("access token"),
    "name": _("name"),
    "note": _("note"),
    "numbers": _("numbers"),
    "officer_contact": _("contact of the data protection officer"),
    "officer_name": _("data protection officer"),
    "on": _("active"),
    "organization_name": _("name"),
    "owner": _("in charge"),
    "password": _("password"),
    "phone_number_id": _("phone number ID"),
    "picture": _("picture"),
    "profile": _("who answers"),
    "proven_by": _("proof of ownership"),
    "recovery_codes": _("recovery codes"),
    "role": _("role"),
    "scopes": _("what the key may do"),
    "secret": _("secret"),
    "sends_read_receipts": _("read receipts"),
    "shortcut": _("shortcut"),
    "since": _("from"),
    "storage_quota": _("storage quota"),
    "text": _("text"),
    "time_zone": _("time zone"),
    "unchanged": _("unchanged"),
    "until": _("until"),
    "updated": _("updated"),
    "url": _("address"),
    "user": _("user"),
    "version": _("version"),
    "wa_id": _("number"),
    "waba_id": _("WhatsApp Business Account ID"),
    "webhook_days": _("days to keep raw webhooks"),
    "webhook_verify_token": _("verify token"),
    "wrong": _("lines left out"),
}
"""Other fields are shown by their names."""
PROFILES: Mapping[str, str | Promise] = dict(Profile.choices)
VALUES: dict[str, Mapping[Any, str | Promise]] = {
    "profile": PROFILES,
    "default_profile": PROFILES,
    "owner": {**PROFILES, "person": _("team"), "waiting": _("waiting for a person"), "meta_agent": _("Meta's agent")},
    "role": dict(Role.choices),
    "content": {"contacts": _("contacts"), "messages": _("conversations")},
    "kinds": dict(EventKind.choices),
    "proven_by": dict(Proof.choices),
}
"""Packages above this one add theirs (`add_choices`)."""
TIMES = ("expires_at",)
HIDDEN = ("reason",)
"""Codes that pages leave out."""


def add_choices(field: str, choices: type[TextChoices]) -> None:
    """Shows the values of this field by the labels of these choices. Models of other packages call this next to their choices."""
    VALUES[field] = dict(choices.choices)


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field with its value before and after. Without values, the log says only that it changed. `before` is empty for what is
    new."""

    label: str
    before: str = ""
    after: str = ""
    has_values: bool = False


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry as pages show it. `target` is empty if it has no object, `target_key` identifies the object in URLs."""

    entry: AuditEntry
    action: str
    actor: str
    actor_kind: str
    target: str
    target_key: str
    changes: tuple[ChangedField, ...]


def describe_entry(entry: AuditEntry) -> EntryLine:
    """Returns the entry in words of the language of the page."""
    return EntryLine(
        entry=entry,
        action=str(ACTIONS.get(entry.action, entry.action)),
        actor=_actor(entry),
        actor_kind=str(ActorKind(entry.actor_kind).label),
        target=_target(entry),
        target_key=f"{entry.target_kind}:{entry.target_id}" if entry.target_id else "",
        changes=tuple(_changes(entry)),
    )


def target_label(kind: str, target_id: str) -> str:
    """Returns an object in words, such as “contact 42”."""
    return f"{TARGETS.get(kind, kind)} {target_id}".strip()


def _actor(entry: AuditEntry) -> str:
    if entry.actor_label:
        return entry.actor_label
    return gettext("Not signed in") if entry.actor_kind == ActorKind.PERSON else gettext("The hub")


def _target(entry: AuditEntry) -> str:
    if entry.actor_kind == ActorKind.PERSON and (entry.target_kind, entry.target_id) == ("user", str(entry.actor_id)):
        return ""  # users who signed in or changed their password: the actor says it
    if entry.count > 1:
        kind = TARGETS.get(entry.target_kind, entry.target_kind)
        return gettext("%(count)s objects (%(kind)s)") % {"count": entry.count, "kind": kind}
    return target_label(entry.target_kind, entry.target_id) if entry.target_kind else ""


def _changes(entry: AuditEntry) -> Iterator[ChangedField]:
    for field, values in entry.changes.items():
        label = str(FIELDS.get(field, field))
        if values is None:
            yield ChangedField(label)
        elif field not in HIDDEN:
            before, after = values
            is_new = before in (None, "") and after not in (None, "")
            yield ChangedField(
                label, "" if is_new or before is None else _value(field, before), _value(field, after), has_values=True
            )


def _value(field: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(field, each) for each in value) or "—"
    if value is None or value == "":
        return "—"
    if field in TIMES and (time := parse_datetime(str(value))):
        return date_format(localtime(time), "SHORT_DATETIME_FORMAT")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return str(VALUES.get(field, {}).get(value, value))
