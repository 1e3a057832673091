"""Warnings about a number in a browser: they appear on an open page, lead to the number's page, and go away by themselves."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from monitoring.number_checks.watch import NumberWatch
from organizations.models import NumberWarning, Organization, PhoneNumber, User, WarningKind
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import AXE

NUMBER = "448190735512098"


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    now = timezone.now()
    PhoneNumber.objects.exclude(phone_number_id=NUMBER).update(activate=False)
    columns = {"meta_token": "EAAtoken", "first_webhook_at": now, "last_webhook_at": now, "handshake_at": now}
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(**columns)
    return PhoneNumber.objects.get(phone_number_id=NUMBER)


def test_a_warning_appears_on_an_open_page_and_ends_by_itself(
    open_page: Open, ana: User, organization: Organization, number: PhoneNumber
) -> None:
    page = open_page(f"/o/{organization.pk}/settings/numbers/", ana)
    banner = page.locator("#stopped").get_by_role("alert")
    expect(page.locator(f"#number-{number.pk}")).to_be_visible()
    expect(banner).to_have_count(0)

    PhoneNumber.objects.filter(pk=number.pk).update(token_expires_at=timezone.now() + timedelta(days=2))
    NumberWatch().run()
    expect(banner).to_have_count(1)
    expect(page.locator(f"#number-{number.pk} .badge-error")).to_have_count(1)
    banner.get_by_role("link").click()
    expect(page.locator("#warning-token_soon")).to_be_visible()

    PhoneNumber.objects.filter(pk=number.pk).update(token_expires_at=None)
    NumberWatch().run()
    expect(page.locator("#warning-token_soon")).to_have_count(0)
    expect(banner).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_warnings_of_every_kind_fit_a_phone_and_are_accessible(
    open_page: Open, ana: User, organization: Organization, number: PhoneNumber, scheme: str
) -> None:
    now = timezone.now()
    for kind in WarningKind:
        NumberWarning.objects.create(number=number, kind=kind, began_at=now, happened_at=now, messages=12)
    page = open_page(f"/o/{organization.pk}/settings/numbers/{number.pk}/", ana, color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("#stopped").get_by_role("alert")).to_have_count(len(WarningKind))
    expect(page.locator("h2[id^=warning-]")).to_have_count(len(WarningKind))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [each["id"] for each in Axe().run(page, options=AXE).response["violations"]] == []
