"""Every URL and method of the API: without a key, without the scope, with the ids of another organization."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from api.conftest import ApiClient, Shop, ids_of
from api.endpoints.views import ApiView, NoSuchUrl
from api.models import Scope
from api.v1.urls import urlpatterns
from organizations.models import Role

OPEN = {"api_schema"}
METHODS = ("get", "post", "patch", "delete")


def operations() -> Iterator[tuple[str, str, Scope]]:
    """Yields the route, the method and the scope of each operation."""
    for each in urlpatterns:
        view = getattr(each.callback, "view_class", None)
        if each.name in OPEN or view is NoSuchUrl:
            continue
        assert view is not None, f"{each.name} is no view of the API"
        assert issubclass(view, ApiView)
        for method in METHODS:
            if hasattr(view, method):
                yield str(each.pattern), method.upper(), view.scopes[method.upper()]


OPERATIONS = list(operations())


def filled(route: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        route = route.replace(f"<str:{name}>", value)
    route = route.replace("<int:position>", "0")
    assert "<" not in route
    return route


def request(client: ApiClient, method: str, path: str) -> Any:
    response = client.request(method, path, b"" if method == "GET" else b"{}", Idempotency_Key="a")
    read_file(response)
    return response


def read_file(response: Any) -> None:
    """Reads a download to its end, which closes the file."""
    if response.streaming:
        list(response.streaming_content)


def test_all_operations_are_walked() -> None:
    assert len(OPERATIONS) >= 70


SUCCEEDING = {200, 201, 202, 204}
REFUSED = {400, 409, 415}
"""Of a request without a body, or whose object does not allow it now."""


@pytest.fixture
def ids(shop: Shop) -> dict[str, str]:
    return ids_of(shop)


@pytest.mark.parametrize(("route", "method", "scope"), OPERATIONS)
def test_an_operation_is_open_only_to_its_scope(
    shop: Shop, other_shop: Shop, ids: dict[str, str], route: str, method: str, scope: Scope
) -> None:
    path = filled(route, ids)
    others = [each for each in Scope if each is not scope]

    assert request(ApiClient(""), method, path).status_code == 401
    refused = request(shop.client([each.value for each in others]), method, path)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    if path != route:
        assert request(other_shop.client(), method, path).status_code == 404
        limited = request(shop.client(numbers=["another"]), method, path)
        assert limited.status_code == 404 or route in SHARED or limited.json()["code"] == "key_is_limited"
    allowed = request(shop.client([scope.value]), method, path)
    assert allowed.status_code in SUCCEEDING | REFUSED or (route, allowed.status_code) in WITHOUT_FILE


SHARED = {
    *("labels/<str:label_id>/", "canned-replies/<str:reply_id>/", "media/<str:media_id>/", "media/<str:media_id>/content/"),
    *("bots/<str:bot_id>/", "bots/<str:bot_id>/try/", "bots/<str:bot_id>/versions/"),
}
"""Objects that all numbers share. A key for some numbers may read them."""
WITHOUT_FILE = {(f"messages/<str:message_id>/files/<int:position>/{part}", 404) for part in ("", "thumbnail/")}
"""The message is a text."""


@pytest.mark.parametrize("role", [Role.USER, Role.USER_ADMIN])
@pytest.mark.parametrize(("route", "method", "scope"), OPERATIONS)
def test_a_member_may_do_what_the_role_allows(
    shop: Shop, ids: dict[str, str], role: Role, route: str, method: str, scope: Scope
) -> None:
    client = Client()
    client.force_login(shop.member(role) if role != Role.USER_ADMIN else shop.admin)

    response = client.generic(
        method, f"/api/v1/{filled(route, ids)}", b"" if method == "GET" else b"{}", "application/json", headers=HEADERS
    )

    read_file(response)
    is_refused = response.status_code == 403 and response.json()["code"] in ("scope_missing", "not_the_author")
    own_note_only = route == "notes/<str:note_id>/" and method != "GET"
    assert is_refused == (role == Role.USER and (scope is Scope.MANAGE or own_note_only))


HEADERS = {"Idempotency-Key": "a"}
