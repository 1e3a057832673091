"""Every page in every language, at several widths and in both themes, with everything opened that opens: all of it is in sight and
within reach.

The pages are found by asking every address of the site. A new page is walked without being named here, and a new kind of address
fails the test until it has an example.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone
from playwright.sync_api import CDPSession, Page

from api.models import ApiKey
from bots.ai_pages.tests.examples import TOOL, create_example_ai
from bots.editor.operations import add_step, empty_flow
from bots.models import (
    AiConnection,
    AiProof,
    AiProofAnswer,
    AiUsage,
    Bot,
    BotCircuit,
    BotDryRun,
    BotKind,
    BotRequest,
    BotVersion,
    ContactSwitch,
    WebhookSecret,
)
from chats.models import CannedReply, Export, Message, MessageTemplate, OwnCannedReply, ProposedMessage
from contacts.csv.tables import guess_layout
from contacts.models import ConsentDecision, Contact, ContactImport, Label, Note
from events.models import EventDelivery, EventEndpoint
from jobs.models import State
from organizations.models import Invitation, Membership, Organization, PhoneNumber, Role, User
from organizations.numbers.setup import Step
from privacy.models import Erasure, OrganizationDeletion, PersonExport
from simulator.client import Phones
from webhooks.models import Webhook
from whatsapp_hub.tests.browser.conftest import PASSWORD, Open
from whatsapp_hub.tests.browser.every_page.test_every_page import busy
from whatsapp_hub.tests.browser.inbox.test_sending import number, standin
from whatsapp_hub.tests.security.test_permissions import addresses

__all__ = ["busy", "number", "standin"]


SIZES = {360: 740, 768: 1024, 1024: 768, 1440: 900}
"""Widths and heights."""
NARROW = (360, 1024)
"""Widths for the languages after the first one: the narrowest window with one column, and with two. Only words differ, so one theme
is enough."""
THEMES = ("light", "dark")
LANGUAGES = [code for code, _ in settings.LANGUAGES]
FIRST_LANGUAGE = LANGUAGES[0]
COLLEAGUE = "nome.muito.comprido.de.verdade@empresa-de-nome-comprido.example.com"
LONG = "Maria Aparecida da Conceição Albuquerque Figueiredo dos Santos Montenegro"
SCRIPT = (Path(__file__).parent.parent / "layout.js").read_text()
MORE = [
    "{at}inbox/?q=bom",
    "{at}inbox/?view=unread",
    "{at}inbox/?q=ninguem-se-chama-assim",
    "{at}contacts/?q=maria",
    "{at}settings/webhooks/?show=problems",
    "{at}inbox/999999/",
]
"""In addition to the plain URLs."""
FILE = f"""telefone;nome;{LONG.replace(" ", "_")};;{LONG};observação interna
61981500586;{LONG};sim;x;{LONG};{LONG}
6198150058612345;{LONG.replace(" ", "")};não;;;
""".encode()
"""A contact file with headers and cells that are too long for any column."""


@pytest.fixture
def examples(busy: Organization, number: PhoneNumber, ana: User) -> dict[str, list[Any]]:
    """Returns values for every kind of id in a URL. The objects have long names, and the organization has one of everything."""
    fill_with_long_names(busy, ana)
    open_contact = Contact.objects.filter(create_for_phone_number=number).order_by("pk").first()
    closed_contact = Contact.objects.exclude(create_for_phone_number=number).order_by("pk").first()
    assert open_contact
    assert closed_contact
    note = Note.objects.get()
    version, dry_run = bot_with_long_names(busy, number, open_contact)
    bot_request = webhook_bot_with_long_names(busy, number, open_contact)
    ai, ai_version, proof = ai_with_long_names(busy)
    delivery = events_with_long_names(busy)
    return {
        "ai_id": [ai.pk],
        "endpoint_id": [delivery.endpoint_id],
        "delivery_id": [delivery.pk],
        "ai_version_id": [ai_version.pk],
        "tool_name": [ai.draft["tools"][0]["name"]],
        "proof_id": [proof.pk],
        "bot_id": [version.bot_id, bot_request.bot_id],
        "request_id": [bot_request.pk],
        "request_key": [bot_request.key],
        "version_id": [version.pk],
        "dry_run_id": [dry_run.pk],
        "file_key": ["nothing"],
        "position": [1],
        "organization_id": [busy.pk],
        "contact_id": [closed_contact.pk, open_contact.pk],
        "message_id": [Message.objects.filter(contact=closed_contact)[0].pk],
        "note_id": [note.pk],
        "label_id": [Label.objects.all()[0].pk],
        "number_id": [PhoneNumber.objects.exclude(pk=number.pk).order_by("pk")[0].pk],
        "member_id": [Membership.objects.exclude(user=ana)[0].pk],
        "invitation_id": [Invitation.objects.get().pk],
        "webhook_id": [Webhook.objects.order_by("pk")[0].pk],
        "template_id": [MessageTemplate.objects.exclude(waba_id=number.waba_id)[0].pk],
        "import_id": [each.pk for each in imports(busy, number)],
        "reply_id": [CannedReply.objects.all()[0].pk],
        "proposal_id": [
            ProposedMessage.objects.create(
                contact=each,
                text=f"{LONG}\n{LONG.replace(' ', '')}",
                proposed_by=LONG,
                create_in=timezone.now(),
                expires_at=timezone.now() + timedelta(hours=1),
            ).pk
            for each in (closed_contact, open_contact)
        ],
        "organization_export_id": [export_with_long_names(busy, number, ana).pk],
        "own_reply_id": [OwnCannedReply.objects.create(organization=busy, user=ana, shortcut="oi", text=f"Olá, {LONG}").pk],
        "key_id": [api_key_with_long_names(busy, ana).pk],
        "deletion_id": [deletion_of(busy, ana).pk],
        "erasure_id": [each.pk for each in erasures(busy, ana)],
        "export_id": [each.pk for each in person_exports(busy, open_contact)],
        "rest": ["nothing"],
        "step": list(Step),
        "key": [Phones(number).customers()[0]["key"]],
        "what": ["text"],
        "media_id": ["1"],
        "token": ["nothing"],
        "uidb36": ["1"],
    }


def erasures(organization: Organization, ana: User) -> list[Erasure]:
    """An erasure in each state."""
    columns = {"organization": organization, "queue_id": organization.pk, "contact_id": 0, "requested_by": ana}
    counts = {"messages": 123_456, "statuses": 234_567, "files": 1_234, "webhooks": 345_678, "events": 12}
    return [Erasure.objects.create(**columns, counts=counts, state=state, step="own_log") for state in ("waiting", "dead", "done")]


def person_exports(organization: Organization, contact: Contact) -> list[PersonExport]:
    """An export that is being written, one that failed, and one that is complete."""
    columns = {"organization": organization, "queue_id": organization.pk, "contact_id": contact.pk, "language": "en"}
    columns |= {"expires_at": "2099-01-01T00:00Z", "written": 12_000, "total": 123_456}
    files = {"waiting": "", "dead": "", "done": "exports/nothing.zip"}
    return [PersonExport.objects.create(**columns, state=state, file=file, size=123_456_789) for state, file in files.items()]


def fill_with_long_names(organization: Organization, ana: User) -> None:
    User.objects.filter(pk=ana.pk).update(name=LONG, is_superuser=True)
    Organization.objects.filter(pk=organization.pk).update(organization_name=f"Floricultura e Padaria {LONG}")
    for place in range(12):
        other = Organization.objects.create(organization_name=f"Organização {place} de {LONG}")
        Membership.objects.create(organization=other, user=ana, role=Role.USER)
    colleague = User.objects.create_user(COLLEAGUE, PASSWORD, name=LONG)
    Membership.objects.create(organization=organization, user=colleague, role=Role.USER)
    Invitation.objects.create(
        organization=organization, email=colleague.email, token_digest="x", expires_at="2030-01-01T00:00Z", invited_by=ana
    )
    for contact in Contact.objects.order_by("pk")[:3]:
        Contact.objects.filter(pk=contact.pk).update(alias=LONG)
    Label.objects.create(organization=organization, name="Clientes que compram só em dezembro", colour="violet")
    for contact in Contact.objects.all():
        contact.labels.set(Label.objects.filter(organization=organization))
        fill_ledger(contact, ana)


def fill_ledger(contact: Contact, ana: User) -> None:
    """Gives the contact a decision of each source. The last one stops marketing messages."""
    columns = {"contact": contact, "phone_number_id": contact.create_for_phone_number_id, "recorded_by": ana}
    texts = {"purpose": LONG.replace(" ", "")[:60], "form": LONG.replace(" ", ""), "wording": f"{LONG} " * 20}
    for day, source in enumerate(ConsentDecision.Source.values, start=1):
        decided_at, key = datetime(2026, 1, day, tzinfo=UTC), f"{source}-{contact.pk}"
        own = texts if source == ConsentDecision.Source.STAFF else {}
        withdrawn = source != ConsentDecision.Source.STAFF
        ConsentDecision.objects.create(source=source, withdrawn=withdrawn, decided_at=decided_at, key=key, **columns, **own)
    contact.record_marketing_choice(stopped=True, at=decided_at)
    contact.save(update_fields=["marketing_stopped", "marketing_at"])


def export_with_long_names(organization: Organization, number: PhoneNumber, ana: User) -> Export:
    """Creates exports that are queued, running, ready, failed and ended. Returns the one that is ready."""
    later = datetime(2030, 1, 1, tzinfo=UTC)  # so the worker does not take it
    columns: dict[str, Any] = {"organization": organization, "queue_id": organization.pk, "create_in": later, "created_by": ana}
    columns |= {"phone_number_id": number.phone_number_id, "label_id": Label.objects.all()[0].pk, "due_at": later}
    columns |= {"content": "messages", "format": "jsonl", "language": "pt-br", "time_zone": "UTC", "since": later, "until": later}
    Export.objects.create(**columns)
    columns |= {"lines": 123_456_789, "size": 987_654_321, "end_id": 1}
    Export.objects.create(percent=42, **columns)
    Export.objects.create(state=State.DEAD, problem="storage", **columns)
    Export.objects.create(state=State.DONE, ending="deleted", problem="erased", **columns)
    ready: Export = Export.objects.create(state=State.DONE, expires_at=later, finished_at=later, **columns)
    return ready


def api_key_with_long_names(organization: Organization, ana: User) -> ApiKey:
    """Creates keys that are usable, expired and revoked, with all scopes. Returns the first."""
    columns = {"organization": organization, "name": LONG[:60], "scopes": ["read", "send", "manage"], "start": "whub_WwWw"}
    past = datetime(2026, 1, 1, tzinfo=UTC)
    ApiKey.objects.create(digest="expired", expires_at=past, numbers=["448190735512098", "519003471126640"], **columns)
    ApiKey.objects.create(digest="revoked", revoked_at=past, **columns)
    usable: ApiKey = ApiKey.objects.create(digest="usable", created_by=ana, **columns)
    return usable


def bot_with_long_names(organization: Organization, number: PhoneNumber, contact: Contact) -> tuple[BotVersion, BotDryRun]:
    """Creates a bot with a menu, a problem, a published version and a dry run."""
    flow, new = add_step(empty_flow(LONG[:60]), "menu")
    flow, _ = add_step(flow, "ask", after=new)
    for step in flow["steps"]:
        step["title"] = LONG.replace(" ", "")[:60]
    bot = Bot.objects.create(organization=organization, key="recepcao", name=LONG[:60], draft=flow)
    version = BotVersion.objects.create(bot=bot, number=1, document=flow)
    samples = {"answered": [[contact.pk, str(contact.messages.all()[0].session_id)]]}
    result = {"conversations": 1, "fell_through_at": {}, "handed_over_at": {}, "reasons": {}, "samples": samples}
    values = {"organization_id": organization.pk, "number": number, "flow": flow, "state": State.DONE, "result": result}
    return version, BotDryRun.objects.create(bot=bot, **values)


def events_with_long_names(organization: Organization) -> EventDelivery:
    """Creates paused and switched-off addresses for events, with a log of every outcome. Returns the latest delivery."""
    columns = {"organization": organization, "url": f"https://example.com/{'a' * 300}", "secret": "whsec_c2VncmVkbw=="}
    EventEndpoint.objects.create(description=LONG.replace(" ", ""), is_enabled=False, **columns)
    endpoint = EventEndpoint.objects.create(
        description=LONG[:100],
        kinds=["message.received"],
        previous_secret="x",
        previous_until="2030-01-01T00:00Z",
        failures=1234,
        paused_until="2030-01-01T00:00Z",
        problem="redirect",
        **columns,
    )
    texts = {"request": f'{{"text": "{LONG.replace(" ", "")}"}}', "response": LONG.replace(" ", ""), "problem": "redirect"}
    for outcome in EventDelivery.Outcome.values:
        delivery = EventDelivery.objects.create(
            endpoint=endpoint,
            event_id=uuid4(),
            kind="conversation.owner_changed",
            contact_id=0,
            occurred_at="2026-01-01T00:00Z",
            outcome=outcome,
            attempts=12,
            attempted_at="2026-01-01T00:00Z",
            status=302,
            **texts,
        )
    return delivery


def webhook_bot_with_long_names(organization: Organization, number: PhoneNumber, contact: Contact) -> BotRequest:
    """Creates a paused webhook bot with a log of every outcome, whose contacts are being switched. Returns its latest request."""
    draft = {"kind": "webhook", "name": LONG[:60], "url": f"https://example.com/{'a' * 300}", "person_words": [LONG[:60]] * 9}
    bot = Bot.objects.create(organization=organization, kind=BotKind.WEBHOOK, key="programa", name=LONG[:60], draft=draft)
    WebhookSecret.objects.create(bot=bot, secret="whsec_c2VncmVkbw==", previous="x", previous_until="2030-01-01T00:00Z")
    BotCircuit.objects.create(bot=bot, failures=1234, problem="not_json", open_until="2030-01-01T00:00Z")
    later = datetime(2030, 1, 1, tzinfo=UTC)  # so the worker does not take it
    columns = {"organization_id": organization.pk, "contacts": 123_456, "switched": 98_765, "due_at": later}
    ContactSwitch.objects.create(number=number, profile="bot", **columns)
    texts: dict[str, Any] = {
        "request": {"text": LONG.replace(" ", "")},
        "response": LONG.replace(" ", ""),
        "reason": LONG.replace(" ", ""),
    }
    texts |= {
        "callbacks": [{"at": "2026-01-01T00:00Z", "status": 409, "reason": LONG, "body": LONG}],
        "model": LONG.replace(" ", ""),
    }
    for outcome in BotRequest.Outcome.values:
        state = State.DONE if outcome else State.DUE
        problem = {"problem": "busy"} if outcome == BotRequest.Outcome.FAILED else {}
        columns = {"state": state, "outcome": outcome, "due_at": later, "status": 503, "has_late_callback": True}
        request = BotRequest.objects.create(bot=bot, key=uuid4(), contact=contact, **columns, **problem, **texts)
    return request


def ai_with_long_names(organization: Organization) -> tuple[Bot, BotVersion, AiProof]:
    """Creates an AI with a web call, a published version, usage, and a question that the draft and the version answered."""
    tool = replace(TOOL, name="a" * 40, url=f"https://example.com/{'a' * 200}/{{{{order}}}}", description=LONG.replace(" ", ""))
    ai = create_example_ai(organization, name=LONG[:60], knowledge=f"{LONG} " * 400, tools=(tool,))
    version = BotVersion.objects.create(bot=ai, number=1, document=ai.draft | {"tone": LONG})
    Bot.objects.filter(pk=ai.pk).update(published=version)
    texts = [LONG, LONG.replace(" ", "")]
    proof = AiProof.objects.create(bot=ai, question=LONG.replace(" ", "") * 3, must=texts, must_not=texts, must_hand_over=True)
    values = {
        "bot": ai,
        "state": State.DONE,
        "messages": texts,
        "faults": [["missing", LONG.replace(" ", "")]],
        "tools": ["a" * 40],
    }
    for is_draft in (True, False):
        AiProofAnswer.objects.create(proof=proof, is_draft=is_draft, document=ai.draft, **values)
    today = datetime.now(UTC).date()
    AiUsage.objects.create(bot=ai, day=today, answers=12_000, input_tokens=400_000_000, micros=10**12, reserved_tokens=10**9)
    problem = {"check_problem": "key", "check_detail": LONG.replace(" ", "") * 3, "checked_at": datetime.now(UTC)}
    AiConnection.objects.filter(pk=ai.pk).update(micros_per_day=10**12, **problem)
    return ai, version, proof


def imports(organization: Organization, number: PhoneNumber) -> list[ContactImport]:
    """Creates contact imports, one for each state that the page of an import shows."""
    layout = asdict(guess_layout(FILE, country=organization.country))
    counts = {"added": 1200, "updated": 300, "unchanged": 45_000, "wrong": 1000, "mistakes": 2000}
    words = f"“{LONG.replace(' ', '')}”: {LONG}"
    rows = [{"wa_id": "5561981500586", "name": LONG, "is_new": True}, {"wa_id": "5561981500587", "name": words, "is_new": False}]
    found = {"counts": counts, "shown": rows, "faults": [[1_000_000, words]] * 9, "ignored": [LONG, LONG.replace(" ", "")]}
    return [
        ContactImport.objects.create(
            organization=organization,
            queue_id=organization.pk,
            phone_number_id=number.phone_number_id,
            file_name=f"{LONG.replace(' ', '_')}.csv",
            content=zlib.compress(FILE),
            due_at=datetime(2030, 1, 1, tzinfo=UTC),  # so the worker does not take it
            state=state,
            step=step,
            **layout,
            **found,
        )
        for step, state in (
            (ContactImport.Step.COLUMNS, State.WAITING),
            (ContactImport.Step.CHECKED, State.WAITING),
            (ContactImport.Step.STORE, State.DUE),
            (ContactImport.Step.STORE, State.DEAD),
            (ContactImport.Step.DONE, State.DONE),
        )
    ]


def deletion_of(organization: Organization, by: User) -> OrganizationDeletion:
    """Returns a requested deletion that can still be cancelled. The organization stays active."""
    due_at = timezone.now() + timedelta(days=30)
    return OrganizationDeletion.objects.create(
        organization_id=organization.pk,
        organization_name=organization.organization_name,
        requested_by=by,
        requester=by.email,
        due_at=due_at,
    )


def kinds_of(route: URLPattern) -> set[str]:
    return set(route.pattern.converters) | set((getattr(route.pattern, "regex", None) and route.pattern.regex.groupindex) or ())


def pages(examples: dict[str, list[Any]], user: User | None) -> Iterator[str]:
    """Yields the URLs that return a whole page to this user."""
    client = Client()
    if user:
        client.force_login(user)
    for text, route in addresses():
        kinds = [kind for kind in (*examples, *kinds_of(route)) if f":{kind}>" in text or f"<{kind}>" in text]
        unknown = set(kinds) - set(examples)
        assert not unknown, f"give an example of {unknown}, for {text}"
        names = list(dict.fromkeys(kinds))
        for values in product(*(examples[kind] for kind in names)) if route.name else ():
            address = reverse(route.name, kwargs=dict(zip(names, values, strict=True)))
            answer = client.get(address)
            body = b"".join(answer) if answer.streaming else answer.content
            if answer.status_code == 200 and body.lstrip()[:15].lower() == b"<!doctype html>":
                yield address


class Tab:
    """One user's pages in one language. Checks them at every width, and collects what is wrong."""

    def __init__(self, page: Page, language: str) -> None:
        self.page = page
        self._language = language
        self._browser: CDPSession = page.context.new_cdp_session(page)
        self.faults: dict[str, list[str]] = {}
        """Fault → pages that have it."""

    def visit(self, address: str) -> None:
        self.page.goto(address)
        self.look()

    def look(self) -> None:
        self.page.evaluate(SCRIPT)
        is_first = self._language == FIRST_LANGUAGE
        themes = THEMES if is_first else THEMES[:1]
        for width in SIZES if is_first else NARROW:
            self._resize(width, SIZES[width])
            found = self.page.evaluate("([language, themes]) => layoutFaults(language, themes)", [self._language, themes])
            for fault in found:
                self.faults.setdefault(fault, []).append(f"{self.page.url} in {self._language} at {width}")

    def _resize(self, width: int, height: int) -> None:
        """Takes a third of the time of Playwright's `set_viewport_size`."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._browser.send("Emulation.setDeviceMetricsOverride", size)


OpenTab = Callable[[User | None], Tab]


@pytest.fixture
def open_tab(open_page: Open, language: str) -> Iterator[OpenTab]:
    """Opens a tab for a user, or without one. Fails at the end if anything was wrong in any tab."""
    tabs: dict[User | None, Tab] = {}

    def tab(user: User | None) -> Tab:
        if user not in tabs:
            page = open_page("/accounts/login/", user, locale=language, reduced_motion="reduce")
            tabs[user] = Tab(page, language)
        return tabs[user]

    yield tab
    faults = [(fault, places) for each in tabs.values() for fault, places in each.faults.items()]
    assert not faults, "\n".join(f"{fault}, on {places[0]} and {len(places) - 1} more" for fault, places in faults)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_or_out_of_reach_on_any_page(
    open_tab: OpenTab, ana: User, organization: Organization, examples: dict[str, list[Any]], language: str
) -> None:
    User.objects.update(language="")  # the language of the browser decides
    ana.refresh_from_db()
    colleague = User.objects.get(email=COLLEAGUE)
    alone = User.objects.create_user("alone@example.com", PASSWORD, name=LONG)
    walked: dict[str, User | None] = dict.fromkeys(pages(examples, ana), ana)
    assert len(walked) > 40
    for user in (colleague, alone, None):
        walked |= {address: user for address in pages(examples, user) if address not in walked}
    walked |= {address.format(at=f"/o/{organization.pk}/"): ana for address in MORE}

    for address, user in walked.items():
        open_tab(user).visit(address)
    refuse_a_known_contact(open_tab(ana), organization)
    Membership.objects.filter(user=colleague).update(activate=False)
    open_tab(colleague).visit(f"/o/{organization.pk}/inbox/")


def refuse_a_known_contact(tab: Tab, organization: Organization) -> None:
    """Opens the form to add a contact with the error that another contact has the phone."""
    known = Contact.objects.filter(organization=organization, alias=LONG).exclude(wa_id=None)[0]
    tab.page.goto(f"/o/{organization.pk}/contacts/new/")
    tab.page.locator("select[name=number]").select_option(value=known.create_for_phone_number_id)
    tab.page.locator("input[name=phone]").fill(f"+{known.wa_id}")
    tab.page.locator("main form button").first.click()
    tab.page.get_by_role("link").filter(has_text=LONG).wait_for()
    tab.look()
