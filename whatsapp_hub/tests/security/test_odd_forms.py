"""Odd form posts: no URL of the site fails if values are missing, repeated, too long or no text."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from http import HTTPStatus
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from conftest import Hub
from organizations.models import Role, User
from whatsapp_hub.tests.security.test_permissions import OF_ORGANIZATIONS, World, addresses

pytestmark = pytest.mark.django_db

ODD = {
    "empty": "",
    "repeated": ["1", "x", "1"],
    "long": "x" * 9_000,
    "long number": "9" * 400,
    "large number": str(2**63),
    "NUL": "a\x00b",
    "surrogate": "a\ud800b",
    "no character": "\ufffe\U0010ffff\u202e",
    "emoji": "💥" * 300,
    "spaces": " \t\r\n\u2028\u00a0",
}
AT_ONCE = {name: ODD[name] for name in ("empty", "repeated", "long", "long number", "NUL", "surrogate")}

IN_TEMPLATES = re.compile(r'name="([a-z][a-z0-9_]*)"')
IN_CODE = re.compile(r"""(?:POST|FILES)(?:\.get(?:list)?\(|\[)"([a-z][a-z0-9_]*)"|^    ([a-z][a-z0-9_]*) = forms\.""", re.MULTILINE)


def names_of_fields() -> list[str]:
    """Returns the names of all fields in forms and views of the site."""
    root = Path(settings.BASE_DIR)
    found = {name for path in (root / "templates").rglob("*.html") for name in IN_TEMPLATES.findall(path.read_text())}
    for app in ("api", "bots", "chats", "contacts", "events", "organizations", "webhooks", "simulator"):
        for path in (root / app).rglob("*.py"):
            found.update(first or second for first, second in IN_CODE.findall(path.read_text()))
    return sorted(found)


NAMES = names_of_fields()
PERSONAL = sorted(
    str(each.name) for route, each in addresses() if each.name and not route.startswith("o/") and not each.pattern.regex.groups
)
"""URLs outside organizations, without parameters."""


@pytest.fixture
def world() -> World:
    return World("Aroeira", "556133214400")


@pytest.fixture
def creator(world: World) -> Client:
    return signed_in(world.people[Role.USER_CREATOR])


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def post(client: Client, address: str, values: dict[str, Any]) -> int:
    """Posts and returns the status of the response. Changes are rolled back."""
    with transaction.atomic():
        response = client.generic("POST", address, encoded(values), content_type="multipart/form-data; boundary=odd")
        b"".join(response)
        transaction.set_rollback(True)
    return response.status_code


def encoded(values: dict[str, Any]) -> bytes:
    parts = [(name, each) for name, value in values.items() for each in (value if isinstance(value, list) else [value])]
    lines = [f'--odd\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts]
    return "".join([*lines, "--odd--\r\n"]).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", [name for _, name in OF_ORGANIZATIONS])
def test_no_url_of_an_organization_fails_over_a_post(world: World, creator: Client, name: str) -> None:
    address = world.address(name, own_reply_id=world.own_replies[Role.USER_CREATOR])
    assert post(creator, address, {}) < 500
    for what, value in AT_ONCE.items():
        assert post(creator, address, dict.fromkeys(NAMES, value)) < 500, what


@pytest.mark.parametrize("name", PERSONAL)
def test_no_personal_url_fails_over_a_post(world: World, creator: Client, name: str) -> None:
    for client in (Client(raise_request_exception=False), creator):
        assert post(client, reverse(name), {}) < 500
        for what, value in AT_ONCE.items():
            assert post(client, reverse(name), dict.fromkeys(NAMES, value)) < 500, what


class Forms(HTMLParser):
    """The forms of a page with the method POST: the URL of each, and its fields as a browser sends them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []
        self._fields: dict[str, Any] | None = None
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            is_posted = (given.get("method") or "").lower() == "post" or "hx-post" in given
            self._fields = {} if is_posted else None
            if self._fields is not None:
                self.found.append((given.get("action") or given.get("hx-post") or "", self._fields))
        elif self._fields is None:
            return
        elif tag == "option" and self._select and ("selected" in given or not self._fields.get(self._select)):
            self._fields[self._select] = given.get("value") or ""
        elif name and tag in ("input", "select", "textarea", "button"):
            self._select = name if tag == "select" else ""
            self._fields.setdefault(name, given.get("value") or LIKELY.get(name, "" if tag == "select" else "Ana"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None


LIKELY = {"email": "bia@example.com", "phone": "+55 61 98150-0588", "number_id": "1", "step": "ids"}
"""Values that a person would enter into empty fields."""


def forms_of(client: Client, pages: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each form once."""
    seen = set()
    for page in pages:
        response = client.get(page)
        content = b"".join(response)  # a file is open until it is read
        if response.status_code != HTTPStatus.OK or not response["Content-Type"].startswith("text/html"):
            continue
        for action, fields in Forms(content.decode()).found:
            form = (action or page, tuple(fields))
            if form not in seen and "/logout/" not in form[0]:
                seen.add(form)
                yield form[0], fields


def test_no_form_fails_over_one_odd_field(world: World, creator: Client) -> None:
    own: dict[str, Any] = {"own_reply_id": world.own_replies[Role.USER_CREATOR]}
    pages = [world.address(name, **own) for _, name in OF_ORGANIZATIONS if name] + [reverse(name) for name in PERSONAL]
    forms = list(forms_of(creator, pages))
    assert len(forms) > 30
    post_odd_fields(creator, forms)


VALUES_OF_A_FIELD = 2


def post_odd_fields(client: Client, forms: list[tuple[str, dict[str, Any]]], *, odd: Iterable[str] = ODD) -> None:
    """Posts each form with one odd field at a time. The next field has the next values, because all values of all fields would take
    minutes."""
    values = cycle(odd)
    for address, fields in forms:
        assert post(client, address, fields) < 500, address
        # Of fields that differ only in a number, such as those of the days of a week, one is enough. So it is of those that differ
        # only in the prefix of their form, such as the texts of all automatic messages.
        kinds = {re.sub(r"[0-9]+|^[a-z_]+(?=-)", "", name): name for name in sorted(set(fields) - {"csrfmiddlewaretoken"})}
        for name in kinds.values():
            for what in islice(values, VALUES_OF_A_FIELD):
                assert post(client, address, fields | {name: ODD[what]}) < 500, f"{address}: {name} is {what}"


def test_no_form_of_the_admin_fails_over_one_odd_field(world: World) -> None:
    root = signed_in(User.objects.create_superuser("root@example.com", "uma-senha-longa-7"))
    models = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    rows = [f"/admin/organizations/{kind}/{world.ids[pk]}/change/" for kind, pk in ROWS_OF_ADMIN.items()]
    forms = list(forms_of(root, [*models, *(f"{each}add/" for each in models), *rows]))
    assert len(forms) > 8
    post_odd_fields(root, forms, odd=["empty", "long"])


ROWS_OF_ADMIN = {"organization": "organization_id", "phonenumber": "number_id", "membership": "member_id"}


CHARSETS = ["unicode_escape", "utf-7", "utf-16", "latin-1", "hex", "rot13", "idna", "undefined"]
PART = b'--odd\r\nContent-Disposition: form-data; name="name"\r\n\r\na\\ud800b+2AA-\r\n--odd--\r\n'


@pytest.mark.parametrize("charset", [*(f"charset={each}" for each in CHARSETS), "charset*=utf-7''utf-7", "charset*=nonsense''x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_in_another_encoding_than_utf_8_is_refused(hub: Hub, charset: str, method: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary=odd; {charset}"}
    response = requests.request(method, f"{hub.address}/accounts/login/?next=%5Cud800", data=PART, headers=headers, timeout=30)
    assert response.status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("charset", ["utf-8", '"UTF8"', "us-ascii", "nonsense", ""])
def test_utf_8_is_accepted_under_each_of_its_names(hub: Hub, charset: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary=odd; charset={charset}"}
    assert requests.get(f"{hub.address}/accounts/login/", headers=headers, timeout=30).status_code == HTTPStatus.OK
