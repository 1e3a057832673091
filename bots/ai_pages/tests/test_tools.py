"""Web calls of an AI: what is stored, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from bots.ai.settings import MAX_TOOLS, AiSettings, Parameter
from bots.ai_pages.tests.conftest import Sign, address, shown
from bots.ai_pages.tests.examples import TOOL
from bots.models import Bot
from organizations.models import Role

pytestmark = pytest.mark.django_db(transaction=True)


def typed(**changes: Any) -> dict[str, Any]:
    return {
        "name": "book_table",
        "description": "Books a table.",
        "method": "POST",
        "url": "https://example.com/tables/{{ day }}",
        "headers": "Authorization: Bearer abc\nX-Day: {{day}}",
        "body": '{"name": "{{customer}}", "people": 2}',
        "example": '{"ok": true}',
        "parameters-TOTAL_FORMS": "3",
        "parameters-INITIAL_FORMS": "0",
        "parameters-0-name": "day",
        "parameters-0-description": "the day",
        "parameters-0-is_required": "on",
        "parameters-1-name": "customer",
        "parameters-1-description": "",
        "parameters-2-name": "",
    } | changes


def stored() -> AiSettings:
    return AiSettings.read(Bot.objects.get().draft)


def test_a_web_call_is_added_changed_and_removed(admin: Client, ai: Bot) -> None:
    assert admin.post(address("ai_tool_new", ai), typed()).status_code == 302
    tool = stored().tools[1]
    assert (tool.name, tool.method, tool.url) == ("book_table", "POST", "https://example.com/tables/{{day}}")
    assert tool.headers == {"Authorization": "Bearer abc", "X-Day": "{{day}}"}
    assert tool.body == {"name": "{{customer}}", "people": 2}
    assert tool.parameters == (Parameter(name="day", description="the day"), Parameter(name="customer", is_required=False))

    page = shown(admin.get(address("ai_tool", ai, "book_table")))
    assert "Authorization: Bearer abc" in page
    admin.post(address("ai_tool", ai, "book_table"), typed(name="book") | {"parameters-INITIAL_FORMS": "2"})
    assert [each.name for each in stored().tools] == ["order_status", "book"]
    admin.post(address("ai_tool_delete", ai, "book"))
    assert [each.name for each in stored().tools] == ["order_status"]


def test_saving_a_web_call_again_changes_nothing_in_it(admin: Client, ai: Bot) -> None:
    page = admin.get(address("ai_tool", ai, "order_status"))
    forms = page.context["forms"]
    fields = {form.add_prefix(name): form[name].value() for form in (forms.form, *forms.rows) for name in form.fields}
    fields |= {"parameters-TOTAL_FORMS": "1", "parameters-INITIAL_FORMS": "1"}
    assert admin.post(address("ai_tool", ai, "order_status"), fields).status_code == 302
    assert stored().tools == (TOOL,)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": "Book-Table"}),
        ("name", {"name": "1st"}),
        ("name", {"name": "reply"}),
        ("name", {"name": "hand_over"}),
        ("name", {"name": "order_status"}),
        ("url", {"url": "https://127.0.0.1.nip.io:99/{{day}}"}),
        ("url", {"url": "http://example.com/"}),
        ("url", {"url": "https://{{day}}.example.com/"}),
        ("url", {"url": "{{day}}"}),
        ("url", {"url": "https://example.com/{{unknown}}"}),
        ("url", {"url": "https://user:pass@example.com/"}),
        ("headers", {"headers": "Host: internal"}),
        ("headers", {"headers": "Authorization"}),
        ("headers", {"headers": "X-Na me: x"}),
        ("headers", {"headers": "X: {{unknown}}"}),
        ("body", {"body": "{'a': 1}"}),
        ("body", {"body": '"text"'}),
        ("body", {"body": "NaN"}),
        ("body", {"body": '{"a": "{{unknown}}"}'}),
        ("body", {"body": "[" * 4_000}),
        ("body", {"method": "GET"}),
    ],
)
def test_a_wrong_web_call_is_refused_at_its_field(admin: Client, ai: Bot, field: str, changes: dict[str, Any]) -> None:
    response = admin.post(address("ai_tool_new", ai), typed(**changes))
    assert response.status_code == 422
    assert field in response.context["forms"].form.errors
    assert len(stored().tools) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters-0-name": "Dia"},
        {"parameters-1-name": "day"},
        {"parameters-TOTAL_FORMS": "99999"},
        {"parameters-TOTAL_FORMS": "x"},
    ],
)
def test_wrong_values_to_fill_in_are_refused(admin: Client, ai: Bot, changes: dict[str, Any]) -> None:
    assert admin.post(address("ai_tool_new", ai), typed(**changes)).status_code == 422
    assert len(stored().tools) == 1


def test_an_ai_has_a_limited_number_of_web_calls(admin: Client, ai: Bot) -> None:
    for number in range(MAX_TOOLS - 1):
        assert admin.post(address("ai_tool_new", ai), typed(name=f"call_{number}")).status_code == 302
    assert admin.post(address("ai_tool_new", ai), typed(name="one_more")).status_code == 422
    assert len(stored().tools) == MAX_TOOLS


def test_members_see_urls_without_their_query(admin: Client, sign_in: Sign, ai: Bot) -> None:
    url = "https://example.com/orders?key=url-secret&order={{order}}#x"
    Bot.objects.update(draft=replace(stored(), tools=(replace(TOOL, url=url),)).document())
    admin.post(address("ai_publish", ai))
    version = Bot.objects.get().versions.get()

    def pages(client: Client) -> list[str]:
        return [shown(client.get(address(*name))) for name in (("ai_tools", ai), ("ai_version", ai, version.pk))]

    assert all("?key=url-secret" in each for each in pages(admin))
    for each in pages(sign_in(Role.USER)):
        assert "https://example.com/orders" in each
        assert "url-secret" not in each


def test_members_see_no_headers(sign_in: Sign, ai: Bot) -> None:
    member = sign_in(Role.USER)
    pages = "".join(shown(member.get(address(name, ai))) for name in ("ai_bot", "ai_tools", "ai_versions"))
    assert "order_status" in pages
    assert "header-secret" not in pages
    assert member.get(address("ai_tool", ai, "order_status")).status_code == 403
