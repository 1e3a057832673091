"""The pages of a number in a browser, with the stand-in: a token that is refused, a new one, and the business profile."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Dialog, expect

from organizations.models import Organization, PhoneNumber, User
from simulator.standin import RunningStandIn, running_standin
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import AXE

NUMBER = "448190735512098"
TOKEN = f"token-of-{NUMBER}"


@pytest.fixture
def meta(settings: Any, organization: Organization, numbers: dict[str, PhoneNumber]) -> Iterator[RunningStandIn]:
    with running_standin() as standin:
        settings.META_GRAPH_URL = standin.url
        now, number = timezone.now(), numbers[NUMBER]
        standin.connect(NUMBER, wa_id=number.wa_id, waba_id=number.waba_id, app_secret=number.app_secret)
        PhoneNumber.objects.exclude(pk=number.pk).update(activate=False)
        columns = {"meta_token": TOKEN, "first_webhook_at": now, "handshake_at": now}
        PhoneNumber.objects.filter(pk=number.pk).update(**columns)
        yield standin


@pytest.fixture
def at(organization: Organization, numbers: dict[str, PhoneNumber]) -> str:
    return f"/o/{organization.pk}/settings/numbers/{numbers[NUMBER].pk}/"


def picture() -> bytes:
    content = BytesIO()
    Image.new("RGB", (320, 320), "teal").save(content, "PNG")
    return content.getvalue()


def test_a_refused_token_is_shown_on_every_page_until_a_new_one_is_entered(open_page: Open, ana: User, meta, at) -> None:
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(meta_token="dead")
    page = open_page(f"{at}profile/", ana)
    expect(page.get_by_role("alert").first).to_be_visible()
    page.goto(at)
    expect(page.locator(".badge-success")).to_have_count(0)
    expect(page.locator("#stopped-heading")).to_be_visible()
    page.locator("#stopped").get_by_role("link").click()
    page.locator("#id_meta_token").fill(TOKEN)
    page.locator(f'form[action="{at}secrets/"] button').click()
    expect(page.locator("h1 + .badge-success, .badge-success").first).to_be_visible()
    expect(page.locator("#stopped").get_by_role("alert")).to_have_count(0)
    expect(page.locator("#stopped-heading")).to_have_count(0)


def test_the_business_profile_is_changed_with_its_picture(open_page: Open, ana: User, meta, at) -> None:
    page = open_page(at, ana)
    page.locator(f'a[href="{at}profile/"]').click()
    page.locator("#id_about").fill("Pães e bolos 🍞")
    page.locator("#id_vertical").select_option("GROCERY")
    page.locator("#id_website_1").fill("www.example.com")
    page.locator("#id_picture").set_input_files({"name": "logo.png", "mimeType": "image/png", "buffer": picture()})
    page.locator("main form button[type=submit], form[enctype] button[type=submit]").first.click()
    shown = page.locator(f'img[src="{at}profile/picture/"]')
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("naturalWidth", 320)
    expect(page.locator("#id_website_1")).to_have_value("https://www.example.com")
    assert meta.number(NUMBER)["profile"]["about"] == "Pães e bolos 🍞"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_number_that_sends_nothing_fits_every_screen_and_is_accessible(open_page: Open, ana: User, meta, at, scheme: str) -> None:
    page = open_page(f"{at}profile/", ana, color_scheme=scheme)
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(sending_stopped_at=timezone.now(), sending_stopped_code=190)
    wide = {}
    for path in (f"{at}profile/", at, f"{at}../", f"{at}setup/test/"):
        if path != f"{at}profile/":  # this page clears the mark, because its request to Meta succeeds
            page.goto(path)
        for width in (360, 768, 1024, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide[path] = width
        assert [each["id"] for each in Axe().run(page, options=AXE).response["violations"]] == []
    assert wide == {}


def test_saving_one_card_asks_before_it_loses_what_was_typed_in_another(
    meta: RunningStandIn, open_page: Open, ana: User, at: str
) -> None:
    page = open_page(at, ana)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.locator("#id_name").fill("Vendas")
    expect(page.locator("form[action$='/name/'] [data-unsaved-sign]")).to_have_text("Há mudanças que ainda não foram salvas.")
    page.once("dialog", stay)
    page.locator("form[action$='/defaults/'] button").click()
    expect(page.locator("#id_name")).to_have_value("Vendas")
    assert asked == ["beforeunload"]

    page.locator("form[action$='/name/'] button").click()
    expect(page.locator("#toasts")).not_to_be_empty()
    assert PhoneNumber.objects.get(phone_number_id=NUMBER).name == "Vendas"
