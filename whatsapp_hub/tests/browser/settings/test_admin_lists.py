"""The lists of Django admin on a common screen: every column is visible without scrolling sideways."""

from datetime import timedelta

import pytest
from django.utils import timezone

from conftest import Hub, apply_all, payload
from contacts.models import Contact
from organizations.mail import queue_mail
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open

LISTS = [
    *("organizations/user", "organizations/organization", "organizations/phonenumber", "organizations/accountevent"),
    *(
        "organizations/auditentry",
        "organizations/mail",
        "contacts/contact",
        "chats/message",
        "webhooks/webhook",
        "webhooks/helditem",
    ),
]


@pytest.fixture
def busy(hub: Hub, organization: Organization, numbers: dict[str, PhoneNumber]) -> None:
    for kind in ("01_text", "07_image", "11_document", "38_text_username_only", "55_status_failed_131047_window_closed"):
        hub.deliver(payload(f"{kind}.json"))
    hub.deliver(payload("73_two_phone_numbers_unknown_tenant.json"))
    hub.deliver(payload("95_phone_number_quality_update.json"))
    apply_all()
    Organization.objects.update(organization_name="Floricultura Aroeira e Filhos Comércio de Plantas Ornamentais Ltda.")
    Contact.objects.update(name="Maria Aparecida dos Santos Oliveira de Albuquerque", alias="")
    User.objects.create_user(f"{'a-very-long-address' * 2}@flores-e-plantas.example.com", name="Ana Beatriz de Souza Albuquerque")
    queue_mail(to=f"{'a-long-one' * 3}@example.com", subject="Convite " * 8, text="x", expires_at=timezone.now() + timedelta(1))


def test_every_list_of_the_admin_fits_1280_pixels(open_page: Open, busy: None) -> None:
    root = User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="pt-br")
    page = open_page("/admin/", root, viewport={"width": 1280, "height": 800})
    wide = {}
    for name in LISTS:
        page.goto(f"/admin/{name}/")
        page.wait_for_selector("#changelist")
        widths = page.evaluate(
            """() => [document.documentElement, document.querySelector("#changelist .results")]
                 .map((box) => box ? [box.scrollWidth, box.clientWidth] : [0, 0])"""
        )
        if any(inner > outer for inner, outer in widths):
            wide[name] = widths
    assert wide == {}


def test_numbers_and_ids_do_not_break(open_page: Open, busy: None) -> None:
    root = User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="pt-br")
    page = open_page("/admin/", root, viewport={"width": 1280, "height": 800})
    whole = ".field-number, .field-number_short, .field-direction, .field-shown_id, .field-waba_id, .field-wa_id"
    broken = {}
    for name in ("organizations/phonenumber", "organizations/accountevent", "chats/message", "contacts/contact"):
        page.goto(f"/admin/{name}/")
        cells = page.locator("#changelist tbody").locator(whole)
        assert cells.count()
        broken[name] = cells.evaluate_all(
            """(cells) => cells.map((cell) => {
                 const range = document.createRange();
                 range.selectNodeContents(cell);
                 const tops = new Set([...range.getClientRects()].filter((box) => box.width).map((box) => Math.round(box.bottom)));
                 return tops.size > 1 ? cell.innerText : "";
               }).filter(Boolean)"""
        )
    assert not any(broken.values()), broken
