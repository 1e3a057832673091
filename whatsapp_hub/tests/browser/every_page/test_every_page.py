"""Every page in both themes, all languages and on a phone: accessible (axe), and no wider than the screen. Also takes the pictures
of docs/screenshots."""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, Page

from chats.models import CannedReply, Message, MessageTemplate
from conftest import Hub, apply_all, payload
from contacts.models import Contact, Label
from contacts.services import add_note
from organizations.models import Organization, PhoneNumber, User
from webhooks.models import Webhook
from whatsapp_hub.tests.browser.conftest import SCREENSHOTS, Open
from whatsapp_hub.tests.browser.webhooks import deliver, echo, message, status

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
KINDS = [
    "01_text",
    "02_text_reply",
    "05_text_ctwa_referral",
    "07_image",
    "08_audio_voice_note",
    "11_document",
    "13_location_place",
    "15_contacts_shared",
    "17_reaction",
    "20_interactive_button_reply",
    "22_interactive_nfm_reply_flow",
    "24_order",
    "30_unsupported_poll",
    "33_edit_text",
    "35_revoke",
    "37_unknown_future_type",
    "38_text_username_only",
    "80_smb_message_echoes",
    "50_status_sent_utility",
    "55_status_failed_131047_window_closed",
]


@pytest.fixture
def busy(hub: Hub, ana: User, organization: Organization) -> Organization:
    """An organization with something on every page."""
    for kind in KINDS:
        hub.deliver(payload(f"{kind}.json"))
    apply_all()
    label = Label.objects.create(organization=organization, name="Cliente", colour="green")
    contact = Contact.objects.order_by("pk").first()
    assert contact
    contact.labels.add(label)
    CannedReply.objects.create(organization=organization, shortcut="pix", text="Olá, {first_name}! Nossa chave é o e-mail.")
    MessageTemplate.objects.create(
        organization=organization,
        waba_id=contact.create_for_phone_number.waba_id,
        name="pedido_pronto",
        language="pt_BR",
        category="UTILITY",
        status="APPROVED",
        quality="GREEN",
        components=[{"type": "BODY", "text": "Olá {{1}}, o seu pedido está pronto."}],
        reported_at=timezone.now(),
    )
    add_note(contact=contact, by=ana, text="Prefere receber à tarde.", now=timezone.now())
    return organization


def pages_of(organization: Organization) -> dict[str, str]:
    contact = Contact.objects.order_by("pk")[0]
    number = PhoneNumber.objects.order_by("pk")[0]
    at = f"/o/{organization.pk}/"
    return {
        "inbox": f"{at}inbox/",
        "conversation": f"{at}inbox/{contact.pk}/",
        "raw": f"{at}inbox/{contact.pk}/messages/{Message.objects.filter(contact=contact)[0].pk}/raw/",
        "search": f"{at}inbox/?q=boleto",
        "contacts": f"{at}contacts/",
        "new contact": f"{at}contacts/new/",
        "import": f"{at}contacts/import/",
        "numbers": f"{at}settings/numbers/",
        "new number": f"{at}settings/numbers/new/",
        "number": f"{at}settings/numbers/{number.pk}/",
        "automatic messages": f"{at}settings/bots/numbers/{number.pk}/automatic/",
        "business profile": f"{at}settings/numbers/{number.pk}/profile/",
        "callback": f"{at}settings/numbers/{number.pk}/setup/callback/",
        "members": f"{at}settings/members/",
        "labels": f"{at}settings/labels/",
        "templates": f"{at}settings/templates/",
        "new template": f"{at}settings/templates/new/",
        "template": f"{at}settings/templates/{MessageTemplate.objects.get().pk}/",
        "canned replies": f"{at}settings/canned-replies/",
        "exports": f"{at}settings/exports/",
        "webhook log": f"{at}settings/webhooks/",
        "webhook": f"{at}settings/webhooks/{Webhook.objects.order_by('pk')[0].pk}/",
        "privacy": f"{at}settings/privacy/",
        "organization": f"{at}settings/organization/",
        "profile": "/profile/",
        "two-factor": "/accounts/2fa/",
        "password": "/accounts/password/change/",
        "nothing": f"{at}inbox/999999/",
    }


def check(page: Page) -> list[str]:
    """Returns what axe finds, as sentences."""
    found = Axe().run(page, options=AXE).response["violations"]
    nodes = [(each["id"], len(each["nodes"]), each["nodes"][0]) for each in found]
    return [f"{rule}: {node['html'][:150]} ({count}×) {node['failureSummary'][:250]}" for rule, count, node in nodes]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(open_page: Open, ana: User, busy: Organization, scheme: str) -> None:
    page = open_page("/profile/", ana, color_scheme=scheme)
    found = {}
    for name, path in pages_of(busy).items():
        page.goto(path)
        page.wait_for_timeout(500)
        if wrong := check(page):
            found[name] = wrong

    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_pages_before_sign_in(open_page: Open, hub: Hub, scheme: str) -> None:
    page = open_page("/accounts/login/", color_scheme=scheme)
    found = {}
    for path in ("/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/", "/invitations/nothing/"):
        page.goto(path)
        if wrong := check(page):
            found[path] = wrong

    assert found == {}


@pytest.mark.parametrize("system", ["light", "dark"])
def test_labels_and_notes_follow_the_theme_that_the_user_chose(open_page: Open, ana: User, busy: Organization, system: str) -> None:
    looks = {}
    for theme in ("light", "dark"):
        User.objects.filter(pk=ana.pk).update(theme=theme)
        page = open_page(pages_of(busy)["conversation"], ana, color_scheme=system)
        note, chip = page.locator("#contact-notes .note"), page.locator(".label-chip input:checked + span")
        assert colour(note.locator(".btn")) == colour(note)
        looks[theme] = [(colour(each), colour(each, "backgroundColor")) for each in (note, chip)]
        page.goto(pages_of(busy)["contacts"])
        tag = page.locator(".contact-row .label-tag").first
        assert looks[theme][1] == (colour(tag), colour(tag, "backgroundColor"))

    assert all(light != dark for light, dark in zip(looks["light"], looks["dark"], strict=True))


def colour(part: Locator, of: str = "color") -> str:
    return part.evaluate("(element, of) => getComputedStyle(element)[of]", of)


@pytest.mark.parametrize("language", ["pt-br", "en", "es"])
def test_no_page_is_wider_than_a_phone_in_any_language(open_page: Open, ana: User, busy: Organization, language: str) -> None:
    User.objects.filter(pk=ana.pk).update(language=language)
    page = open_page("/profile/", ana, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    wide = {}
    for name, path in pages_of(busy).items():
        page.goto(path)
        page.wait_for_timeout(200)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
            wide[name] = width

    assert wide == {}


def conversation(hub: Hub) -> int:
    """A morning at a bakery. Returns the id of the contact to open."""
    now = time.time()
    others = [
        ("5511987654021", "Rui Barbosa", "Vocês fazem bolo de casamento?", 0.2),
        ("556199321788", "Padre Anselmo", "Obrigado, até sábado!", 3),
        ("5521998877665", "Condomínio Girassol", "A nota fiscal chegou, obrigada.", 21.4),
        ("556133214455", "Dona Iara", "Bom dia! Tem broa hoje?", 22.7),
        ("5531988776655", "Márcia Teixeira", "Segue o comprovante", 26),
        ("554199887766", "Escola Pequeno Príncipe", "Pode ser 120 pães para sexta?", 50),
    ]
    for wa_id, name, text, hours in others:
        deliver(hub, message(wa_id, name, content=text, at=now - hours * 3600))
    joelma, name = "556181500586", "Joelma Conceição"
    deliver(hub, message(joelma, name, content="Oi! O pedido de ontem estava ótimo.", at=now - 27 * 3600))
    deliver(hub, echo(joelma, "Que bom, Joelma! Ficamos felizes.", at=now - 27 * 3600 + 90, wamid="wamid.a"))
    deliver(hub, status("wamid.a", "read", joelma))
    deliver(hub, message(joelma, name, content="Bom dia, tudo bem?", at=now - 900))
    deliver(
        hub, message(joelma, name, content="Vocês têm *broa de milho* hoje? Vi em https://padaria.example.com/broas", at=now - 870)
    )
    deliver(hub, echo(joelma, "Bom dia! Temos sim, saiu do forno agora.", at=now - 700, wamid="wamid.b"))
    deliver(hub, status("wamid.b", "read", joelma))
    place = {"latitude": -15.8, "longitude": -47.9, "name": "Bloco C", "address": "SQS 308"}
    photo = {"caption": "Assim, ó", "mime_type": "image/jpeg", "sha256": "x", "id": "1"}
    deliver(hub, message(joelma, name, kind="image", content=photo, at=now - 500))
    deliver(
        hub,
        message(
            joelma,
            name,
            kind="location",
            content=place,
            at=now - 480,
        ),
    )
    deliver(hub, echo(joelma, "Perfeito, entregamos aí até as 11h.", at=now - 300, wamid="wamid.c"))
    deliver(hub, status("wamid.c", "delivered", joelma))
    heart = {"message_id": "wamid.c", "emoji": "❤️"}
    deliver(hub, message(joelma, name, kind="reaction", content=heart, at=now - 280))
    deliver(
        hub,
        message(
            joelma,
            name,
            content="Oba! Então reserva 2 pra mim, por favor!",
            at=now - 60,
            context={"from": "556133214400", "id": "wamid.b"},
        ),
    )
    apply_all()
    return Contact.objects.get(wa_id=joelma).pk


def test_pictures_of_the_inbox_the_contacts_and_the_set_up(
    open_page: Open, hub: Hub, ana: User, organization: Organization
) -> None:
    PhoneNumber.objects.exclude(phone_number_id="448190735512098").delete()
    pk = conversation(hub)
    labels = [Label.objects.create(organization=organization, name=name, colour=colour)
              for name, colour in (("Cliente", "green"), ("Encomenda", "amber"), ("Fornecedor", "violet"))]  # fmt: skip
    for place, contact in enumerate(Contact.objects.order_by("pk")):
        contact.labels.add(labels[place % 2])
    contact = Contact.objects.get(pk=pk)
    add_note(contact=contact, by=ana, text="Entregar sempre na portaria do Bloco C.", now=timezone.now())
    Contact.objects.exclude(pk=pk).filter(pk__gt=3).update(unread_count=0, unread_at=None)
    at = f"/o/{organization.pk}/"
    SCREENSHOTS.mkdir(exist_ok=True)
    for name, path, options in (
        ("inbox-light", f"{at}inbox/{pk}/", {}),
        ("inbox-dark", f"{at}inbox/{pk}/", {"color_scheme": "dark"}),
        ("inbox-phone", f"{at}inbox/{pk}/", {"viewport": {"width": 390, "height": 844}, "is_mobile": True}),
        ("contacts", f"{at}contacts/", {}),
        ("number-setup", f"{at}settings/numbers/{PhoneNumber.objects.get().pk}/setup/callback/", {}),
    ):
        page = open_page(path, ana, **options)
        page.wait_for_timeout(900)
        page.mouse.move(0, 0)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
        assert (SCREENSHOTS / f"{name}.png").stat().st_size > 20_000
