"""Conversations that a lane answers: locked, and with everything that the answer depends on, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeGuard

from django.db.models import Min, Q

from bots.ai.settings import AiSettings
from bots.automatic.due_messages import contact_facts, number_facts
from bots.automatic.services import hours_of, load_automatic
from bots.flows.flow import Flow, read_flow
from bots.flows.turns.events import Facts
from bots.flows.turns.state import read_state, read_time
from bots.models import AutomaticMessages, AutomaticMessageSent, Bot, BotConversation, BotKind, BotVersion, BotWebCall
from bots.webhook_bots.settings import WebhookSettings
from chats.models import Message
from chats.outbox.marketing import TemplateName, marketing_templates
from contacts.consent.selectors import marketing_allowed
from contacts.models import Contact
from organizations.models import PhoneNumber

BotsByKey = Mapping[str, Bot]


@dataclass(slots=True)
class Session:
    """What is known about the contact's present session: when it began, and which automatic messages it has had."""

    began_at: datetime | None = None
    sent_kinds: set[str] = field(default_factory=set)


@dataclass
class Conversation:
    """A locked contact, and what its answer depends on. `stored` is the state of its flow, None if it never had one. `bots` are the
    bots of the organization that numbers name, and all its AIs, because a flow may ask any of them."""

    contact: Contact
    number: PhoneNumber
    automatic: AutomaticMessages
    number_facts: Facts
    stored: BotConversation | None
    bots: BotsByKey
    session: Session
    labels: Collection[str]
    now: datetime
    refused_templates: frozenset[TemplateName] = frozenset()
    """Marketing templates, if the contact has stopped marketing messages."""
    is_call_lost: bool = False
    """Whether the flow waits for a web call that is not under way any more: its result came while the bot was not in charge, or
    went with the call at a restore or a merge."""

    @cached_property
    def facts(self) -> Facts:
        facts = contact_facts(self.contact, self.number_facts, self.labels)
        stopped_at = None if marketing_allowed(self.contact) else self.contact.marketing_at
        return replace(facts, refused_templates=self.refused_templates, marketing_stopped_at=stopped_at)

    @property
    def bot(self) -> Bot | None:
        """The number's bot. None if `default_bot` names none."""
        bot = self.bots.get(self.number.default_bot)
        return bot if bot and bot.kind != BotKind.AI else None

    @property
    def ai(self) -> Bot | None:
        """The number's AI. None if `default_ai` names none."""
        return self.find_ai(self.number.default_ai)

    def find_ai(self, key: str) -> Bot | None:
        """Returns the AI of the organization with this key."""
        bot = self.bots.get(key)
        return bot if bot and bot.kind == BotKind.AI else None

    @property
    def running_version_id(self) -> int | None:
        """The version with which the conversation goes on, if the state belongs to the present session or continues over
        sessions. None if nothing can end what the flow waits for: then it begins again."""
        if self.stored is None or not self.stored.flow_state.get("step") or self.is_call_lost:
            return None
        is_continued = published_flow(self.stored.version_id).flow.continues
        return self.stored.version_id if is_continued or self._is_of_present_session(self.stored) else None

    def _is_of_present_session(self, stored: BotConversation) -> bool:
        """Whether the state was stored in the present session, also if its id has changed since: a late message, or one of the same
        second, can be the first of its session afterwards."""
        if stored.session_id == self.contact.session_id:
            return True
        since, began_at = read_time(stored.flow_state.get("waits_since")), self.session.began_at
        return since is not None and began_at is not None and since >= began_at

    @property
    def version_id(self) -> int | None:
        """The version of a flow that answers: the running one, or the published one of the number's bot. None if there is none."""
        bot = self.bot if self.bot and self.bot.kind == BotKind.FLOW else None
        return self.running_version_id or (bot.published_id if bot else None)


class PublishedFlow(NamedTuple):
    """A published version: its flow, the key of its bot, and its number."""

    version_id: int
    flow: Flow
    key: str
    number: int


@lru_cache(maxsize=512)
def published_flow(version_id: int) -> PublishedFlow:
    """Returns the flow of a published version, which never changes."""
    version = BotVersion.objects.select_related("bot").get(pk=version_id)
    return PublishedFlow(version_id, read_flow(version.document), version.bot.key, version.number)


class PublishedSettings(NamedTuple):
    """A published version of a remote bot: its settings, the key of its bot, and its number."""

    version_id: int
    settings: WebhookSettings | AiSettings
    key: str
    number: int


@lru_cache(maxsize=512)
def published_settings(version_id: int) -> PublishedSettings:
    """Returns the settings in a published version of a webhook bot or AI, which never changes."""
    version = BotVersion.objects.select_related("bot").get(pk=version_id)
    read = AiSettings.read if version.bot.kind == BotKind.AI else WebhookSettings.read
    return PublishedSettings(version_id, read(version.document), version.bot.key, version.number)


def lock_contacts(contact_ids: Iterable[int]) -> dict[int, Contact]:
    """Locks these contacts in the order of their ids, and returns them by id."""
    return Contact.objects.select_for_update().filter(pk__in=set(contact_ids)).order_by("pk").in_bulk()


def load_conversations(contacts: Mapping[int, Contact], now: datetime) -> list[Conversation]:
    """Returns the conversations of these locked contacts."""
    numbers = _numbers(contacts.values())
    automatic = load_automatic({number.pk for number in numbers.values()})
    stored = BotConversation.objects.select_for_update().filter(pk__in=contacts).order_by("pk").in_bulk()
    stored |= _states_of_messages([contact for contact in contacts.values() if contact.pk not in stored])
    facts = {number.pk: _facts(number, automatic[number.pk], now) for number in numbers.values()}
    bots = _bots(numbers.values())
    sessions = _sessions(contacts.values())
    labels = _labels(contacts)
    refused = _refused_templates(contacts.values(), numbers)
    lost_calls = _lost_calls(stored)
    return [
        Conversation(
            contact=contact,
            number=(number := numbers[contact.create_for_phone_number_id]),
            automatic=automatic[number.pk],
            number_facts=facts[number.pk],
            stored=stored.get(contact.pk),
            bots=bots.get(number.organization_id, {}),
            session=sessions.get(contact.pk) or Session(),
            labels=labels.get(contact.pk, ()),
            now=now,
            refused_templates=refused.get(contact.pk, frozenset()),
            is_call_lost=contact.pk in lost_calls,
        )
        for contact in contacts.values()
    ]


def _refused_templates(contacts: Iterable[Contact], numbers: Mapping[str, PhoneNumber]) -> dict[int, frozenset[TemplateName]]:
    """Returns the templates that contacts do not accept. Costs a query only if one of them has stopped marketing messages."""
    stopped = {each.pk: each.create_for_phone_number_id for each in contacts if not marketing_allowed(each)}
    if not stopped:
        return {}
    templates = marketing_templates({key: numbers[key] for key in stopped.values()}.values())
    return {pk: frozenset(templates.get(key, ())) for pk, key in stopped.items()}


def _lost_calls(stored: Mapping[int, BotConversation]) -> set[int]:
    """Returns the contacts whose flows wait for calls that are gone. Costs a query only if a flow waits for a call."""
    awaited = {pk: row.flow_state.get("call_id") for pk, row in stored.items() if row.flow_state.get("waits_for") == "call"}
    if not awaited:
        return set()
    under_way = set(BotWebCall.objects.filter(contact__in=awaited).values_list("contact", "call_id"))
    return {pk for pk, call_id in awaited.items() if (pk, call_id) not in under_way}


def _states_of_messages(contacts: Collection[Contact]) -> dict[int, BotConversation]:
    """Returns states that only messages of the present session still have, not saved. A contact that was merged into another one
    takes its state with it."""
    sessions = {contact.session_id: contact for contact in contacts if contact.session_id}
    rows = Message.objects.filter(session_id__in=sessions, flow_state__isnull=False).order_by("create_in", "pk")
    latest = {sessions[session_id].pk: state for session_id, state in rows.values_list("session_id", "flow_state")}
    states = {pk: state for pk, state in latest.items() if _names_version(state)}
    if not states:
        return {}
    numbers = {state["version"] for state in states.values()}
    organizations = {contact.organization_id for contact in contacts}
    versions = BotVersion.objects.filter(bot__organization__in=organizations, bot__kind=BotKind.FLOW, number__in=numbers)
    found: dict[tuple[int, Any, Any], int] = {
        (organization_id, key, number): pk
        for organization_id, key, number, pk in versions.values_list("bot__organization", "bot__key", "number", "pk")
    }
    restored = {}
    for contact in contacts:
        state = states.get(contact.pk, {})
        version_id = found.get((contact.organization_id or 0, state.get("bot"), state.get("version")))
        if version_id:
            flow_state = read_state(published_flow(version_id).flow, state).as_json()
            restored[contact.pk] = BotConversation(
                contact=contact, version_id=version_id, session_id=contact.session_id, flow_state=flow_state, attempts=0, reason=""
            )
    return restored


def _names_version(state: object) -> TypeGuard[dict[str, Any]]:
    """Whether a state of a message names a version of a bot. Other programs can write the column, and may write anything."""
    if not isinstance(state, dict):
        return False
    number = state.get("version")
    return isinstance(state.get("bot"), str) and type(number) is int and 0 < number < 2**31


def _facts(number: PhoneNumber, automatic: AutomaticMessages, now: datetime) -> Facts:
    hours = hours_of(automatic, number.organization)
    return number_facts(organization=number.organization, hours=hours, now=now, person_words=automatic.person_words)


def _numbers(contacts: Iterable[Contact]) -> dict[str, PhoneNumber]:
    ids = {contact.create_for_phone_number_id for contact in contacts}
    rows = PhoneNumber.objects.filter(phone_number_id__in=ids).select_related("organization").defer(*PhoneNumber.SECRETS)
    return {number.phone_number_id: number for number in rows}


def _bots(numbers: Iterable[PhoneNumber]) -> dict[int, dict[str, Bot]]:
    """Returns the bots by the ids of their organizations and their keys."""
    keys = {(number.organization_id, number.default_bot) for number in numbers if number.default_bot}
    condition = Q(organization__in={number.organization_id for number in numbers}, kind=BotKind.AI)
    for organization_id, key in keys:
        condition |= Q(organization=organization_id, key=key)
    found: dict[int, dict[str, Bot]] = defaultdict(dict)
    for bot in Bot.objects.filter(condition).only("organization", "key", "kind", "published"):
        found[bot.organization_id][bot.key] = bot
    return found


def _sessions(contacts: Iterable[Contact]) -> dict[int, Session]:
    by_session = {contact.session_id: contact.pk for contact in contacts if contact.session_id}
    found = {pk: Session() for pk in by_session.values()}
    began = Message.objects.filter(session_id__in=by_session).order_by().values_list("session_id").annotate(Min("create_in"))
    for session_id, began_at in began:
        found[by_session[session_id]].began_at = began_at
    sent = AutomaticMessageSent.objects.filter(contact__in=found, session_id__in=by_session)
    for session_id, kind in sent.values_list("session_id", "kind"):
        found[by_session[session_id]].sent_kinds.add(kind)
    return found


def _labels(contact_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
    names: dict[int, list[str]] = defaultdict(list)
    given = Contact.labels.through.objects.filter(contact__in=contact_ids)
    for contact_id, name in given.values_list("contact_id", "label__name"):
        names[contact_id].append(name)
    return names
