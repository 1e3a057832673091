"""Every page in every language, at four widths and in both themes, with everything opened that opens: all of it is in sight and
within reach.

The pages are found by asking every address of the site. A new page is walked without being named here, and a new kind of address
fails the test until it has an example.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, reverse
from playwright.sync_api import CDPSession, Page

from bots.editor.operations import add_step, empty_flow
from bots.models import Bot, BotDryRun, BotVersion
from chats.models import CannedReply, Message, MessageTemplate, OwnCannedReply
from contacts.csv.tables import guess_layout
from contacts.models import Contact, ContactImport, Label, Note
from jobs.models import State
from organizations.models import Invitation, Membership, Organization, PhoneNumber, Role, User
from organizations.numbers.setup import Step
from simulator.client import Phones
from webhooks.models import Webhook
from whatsapp_hub.tests.browser.conftest import PASSWORD, Open
from whatsapp_hub.tests.browser.test_every_page import busy
from whatsapp_hub.tests.browser.test_sending import number, standin
from whatsapp_hub.tests.test_permissions import addresses

__all__ = ["busy", "number", "standin"]

pytestmark = pytest.mark.xdist_group("browser")

SIZES = {360: 740, 768: 1024, 1024: 768, 1440: 900}
"""Widths and heights."""
COLLEAGUE = "nome.muito.comprido.de.verdade@empresa-de-nome-comprido.example.com"
LONG = "Maria Aparecida da Conceição Albuquerque Figueiredo dos Santos Montenegro"
SCRIPT = (Path(__file__).parent / "layout.js").read_text()
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
    return {
        "bot_id": [version.bot_id],
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
        "own_reply_id": [OwnCannedReply.objects.create(organization=busy, user=ana, shortcut="oi", text=f"Olá, {LONG}").pk],
        "step": list(Step),
        "key": [Phones(number).customers()[0]["key"]],
        "what": ["text"],
        "media_id": ["1"],
        "token": ["nothing"],
        "uidb36": ["1"],
    }


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


def bot_with_long_names(organization: Organization, number: PhoneNumber, contact: Contact) -> tuple[BotVersion, BotDryRun]:
    """Creates a bot with a menu, a problem, a published version and a dry run."""
    flow, new = add_step(empty_flow(LONG[:60]), "menu")
    flow, _ = add_step(flow, "ask", after=new)
    for step in flow["steps"]:
        step["title"] = LONG.replace(" ", "")[:60]
    bot = Bot.objects.create(organization=organization, key="recepcao", name=LONG[:60], draft=flow)
    version = BotVersion.objects.create(bot=bot, number=1, flow=flow)
    samples = {"answered": [[contact.pk, str(contact.messages.all()[0].session_id)]]}
    result = {"conversations": 1, "fell_through_at": {}, "handed_over_at": {}, "reasons": {}, "samples": samples}
    values = {"organization_id": organization.pk, "number": number, "flow": flow, "state": State.DONE, "result": result}
    return version, BotDryRun.objects.create(bot=bot, **values)


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
        for width, height in SIZES.items():
            self._resize(width, height)
            found = self.page.evaluate("language => layoutFaults(language)", self._language)
            for fault in found:
                self.faults.setdefault(fault, []).append(f"{self.page.url} in {self._language} at {width}")

    def _resize(self, width: int, height: int) -> None:
        """Takes a third of the time of Playwright's `set_viewport_size`."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._browser.send("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture
def open_tab(open_page: Open) -> Iterator[Callable[[User | None, str], Tab]]:
    """Opens a tab for a user, or without one, in a language. Fails at the end if anything was wrong in any tab."""
    tabs: dict[tuple[User | None, str], Tab] = {}

    def tab(user: User | None, language: str) -> Tab:
        if (user, language) not in tabs:
            page = open_page("/accounts/login/", user, locale=language, reduced_motion="reduce")
            tabs[user, language] = Tab(page, language)
        return tabs[user, language]

    yield tab
    faults = [(fault, places) for each in tabs.values() for fault, places in each.faults.items()]
    assert not faults, "\n".join(f"{fault}, on {places[0]} and {len(places) - 1} more" for fault, places in faults)


def test_nothing_is_cut_or_out_of_reach_on_any_page(
    open_tab: Callable[[User | None, str], Tab], ana: User, organization: Organization, examples: dict[str, list[Any]]
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
    languages = [code for code, _ in settings.LANGUAGES]

    for language in languages:
        for address, user in walked.items():
            open_tab(user, language).visit(address)
        refuse_a_known_contact(open_tab(ana, language), organization)
    Membership.objects.filter(user=colleague).update(activate=False)
    for language in languages:
        open_tab(colleague, language).visit(f"/o/{organization.pk}/inbox/")


def refuse_a_known_contact(tab: Tab, organization: Organization) -> None:
    """Opens the form to add a contact with the error that another contact has the phone."""
    known = Contact.objects.filter(organization=organization, alias=LONG).exclude(wa_id=None)[0]
    tab.page.goto(f"/o/{organization.pk}/contacts/new/")
    tab.page.locator("select[name=number]").select_option(value=known.create_for_phone_number_id)
    tab.page.locator("input[name=phone]").fill(f"+{known.wa_id}")
    tab.page.locator("main form button").first.click()
    tab.page.get_by_role("link").filter(has_text=LONG).wait_for()
    tab.look()
