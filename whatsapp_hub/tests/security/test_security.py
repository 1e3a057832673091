"""What the hub demands of browsers about security: headers, cookies, methods, and what they forget when a user signs out."""

import socket
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from django.urls import reverse

from organizations.models import User

PASSWORD = "uma-senha-longa-7"
HTTPS = {"secure": True}


@pytest.fixture
def ana(transactional_db) -> User:
    return User.objects.create_user("ana@example.com", PASSWORD, name="Ana")


@pytest.fixture
def behind_tls(settings) -> None:
    """The settings of a hub that trusts an https origin."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS, settings.SECURE_HSTS_PRELOAD = 31_536_000, True, True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"


@pytest.mark.parametrize("path", ["/accounts/login/", "/profile/", "/not-there/", "/api/v1/contacts", "/static/hub/hub.css"])
def test_every_response_has_the_headers_of_security(hub, path) -> None:
    headers = hub.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    for directive in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.usefixtures("behind_tls")
def test_over_tls_browsers_are_told_to_stay_there(client) -> None:
    assert client.get("/accounts/login/", **HTTPS)["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert client.get("/accounts/login/").status_code == 301


@pytest.mark.usefixtures("behind_tls")
@pytest.mark.parametrize("path", ["/api/v1/contacts", "/bots/callbacks/x/"])
def test_over_tls_programs_are_refused_without_it_and_not_redirected(hub, path) -> None:
    assert hub.get(path).status_code == 403
    assert hub.get(path, headers={"X-Forwarded-Proto": "https"}).status_code in (401, 404, 405)


@pytest.mark.usefixtures("behind_tls")
def test_cookies_belong_to_this_host_alone(client, ana) -> None:
    client.get("/accounts/login/", **HTTPS)
    client.post("/accounts/login/", {"login": ana.email, "password": PASSWORD}, **HTTPS)
    for name in ("__Host-sessionid", "__Host-csrftoken"):
        cookie = client.cookies[name]
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert (cookie["path"], cookie["domain"]) == ("/", "")


def test_the_session_gets_another_key_when_a_user_signs_in(client, ana) -> None:
    client.get("/accounts/login/")
    session = client.session
    session["before"] = 1
    session.save()
    client.cookies["sessionid"] = session.session_key
    client.post("/accounts/login/", {"login": ana.email, "password": PASSWORD})
    assert client.cookies["sessionid"].value != session.session_key
    assert len(client.cookies["sessionid"].value) == 32


def test_signing_out_ends_the_session_and_clears_the_browser(client, ana) -> None:
    client.force_login(ana)
    elsewhere = Client()
    elsewhere.cookies["sessionid"] = client.cookies["sessionid"].value
    assert elsewhere.get("/profile/").status_code == 200
    assert client.post(reverse("account_logout"))["Clear-Site-Data"] == '"cache", "storage"'
    assert elsewhere.get("/profile/").status_code == 302


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/profile/", "/api/v1/contacts", "/static/hub/hub.css"])
def test_trace_is_refused(hub, path) -> None:
    assert requests.request("TRACE", hub.address + path, timeout=30, allow_redirects=False).status_code == 405


def test_the_webhook_receiver_refuses_trace(hub) -> None:
    assert requests.request("TRACE", hub.address + "/webhooks/whatsapp/", timeout=30).status_code == 405


@pytest.mark.parametrize("method", ["TRACE", "POST", "PUT", "DELETE", "GET"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/accounts/login/",
        "/accounts/logout/",
        "/o/1/events/",
        "/o/1/inbox/read/",
        "/api/v1/contacts/",
        "/api/v1/openapi.yaml",
        "/webhooks/whatsapp/",
        "/webhooks/bots/nothing/",
        "/static/hub/hub.css",
    ],
)
def test_who_uses_a_wrong_method_is_told_the_right_ones(hub, path, method) -> None:
    response = requests.request(method, hub.address + path, timeout=30, allow_redirects=False)
    if response.status_code == 405:
        allowed = response.headers["Allow"].replace(" ", "").split(",")
        assert "GET" in allowed or "POST" in allowed
        assert method not in allowed
    else:
        assert response.status_code < 500


@pytest.mark.parametrize("path", ["/accounts/login/", "/webhooks/whatsapp/"])
def test_a_request_with_two_lengths_is_refused(hub, path) -> None:
    url = urlsplit(hub.address)
    body = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((str(url.hostname), int(url.port or 0)), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
