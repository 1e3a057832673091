"""What an operator opens to web requests."""

import re

import pytest

from bots.web_requests.addresses import check_addresses, check_destination, parse_destination
from bots.web_requests.allow_list import AllowList, InvalidEntry
from bots.web_requests.errors import Refusal, RefusedAddress


def refusal(url: str, found: list[str], *entries: str, organization_id: int = 1) -> Refusal | None:
    """Returns why a request is refused with these entries, or None if it is allowed."""
    allowed = AllowList.parse(entries).for_organization(organization_id)
    try:
        destination = parse_destination(url)
        check_destination(destination, allowed)
        check_addresses(destination, found, allowed)
    except RefusedAddress as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("url", "found", "entry"),
    [
        ("http://n8n.internal:5678/webhook", "10.0.0.5", "n8n.internal:5678"),
        ("https://n8n.internal:5678/", "10.0.0.5", "N8N.internal.:5678"),
        ("http://n8n.internal/", "fd00::5", "n8n.internal:80"),
        ("http://10.0.0.5:5678/", "10.0.0.5", "10.0.0.5:5678"),
        ("http://0xa.5:5678/", "10.0.0.5", "10.0.0.5:5678"),
        ("http://localhost:11434/v1", "127.0.0.1", "localhost:11434"),
        ("http://[fd00::5]:8080/", "fd00::5", "[fd00::5]:8080"),
        ("http://n8n.internal:5678/", "10.0.0.5", "10.0.0.0/8"),
        ("http://n8n.internal:5678/", "::ffff:10.0.0.5", "10.0.0.0/8"),
        ("https://10.0.0.5/", "10.0.0.5", "10.0.0.0/8:443"),
        ("http://10.0.0.5:8080/", "10.0.0.5", "10.0.0.5/32:8080"),
        ("http://[fd00::5]:8080/", "fd00::5", "fd00::/8"),
        ("http://[fd00::5]:8080/", "fd00::5", "[fd00::]/8:8080"),
        ("http://[fd00::5]:8080/", "fd00::5", "fd00::/8:8080"),
        ("http://model.internal:8080/", "10.0.0.5", "model.internal:8080@1"),
        ("http://model.internal:8080/", "10.0.0.5", "10.0.0.0/8:8080@1"),
    ],
)
def test_an_entry_allows_its_host_or_network_also_without_tls(url: str, found: str, entry: str) -> None:
    assert refusal(url, [found]) is not None
    assert refusal(url, [found], entry) is None


@pytest.mark.parametrize(
    ("url", "found", "entry", "code"),
    [
        ("http://n8n.internal:5679/", ["10.0.0.5"], "n8n.internal:5678", Refusal.SCHEME),
        ("https://n8n.internal:5679/", ["10.0.0.5"], "n8n.internal:5678", Refusal.PORT),
        ("https://other.internal/", ["10.0.0.5"], "n8n.internal:443", Refusal.ADDRESS),
        ("https://a.n8n.internal/", ["10.0.0.5"], "n8n.internal:443", Refusal.ADDRESS),
        ("http://10.0.0.5:8081/", ["10.0.0.5"], "10.0.0.0/8:8080", Refusal.SCHEME),
        ("http://11.0.0.5:8080/", ["11.0.0.5"], "10.0.0.0/8:8080", Refusal.SCHEME),
        ("http://10.0.0.5:8080/", ["10.0.0.5"], "10.0.0.0/8:8080@2", Refusal.SCHEME),
        ("https://10.0.0.5/", ["10.0.0.5"], "10.0.0.5:443@2", Refusal.ADDRESS),
        ("https://shop.example:9000/", ["8.8.8.8", "10.0.0.5"], "10.0.0.0/8:9000", Refusal.PORT),
        ("http://shop.example:8080/", ["10.0.0.5", "192.168.0.1"], "10.0.0.0/8", Refusal.ADDRESS),
        ("http://n8n.internal:5678/", ["224.0.0.1"], "n8n.internal:5678", Refusal.ADDRESS),
        ("http://n8n.internal:5678/", ["0.0.0.0"], "0.0.0.0/0", Refusal.ADDRESS),  # noqa: S104
        ("http://n8n.internal:5678/", ["::"], "::/0", Refusal.ADDRESS),
        ("http://n8n.internal:5678/", ["255.255.255.255"], "0.0.0.0/0", Refusal.ADDRESS),
        ("http://user@n8n.internal:5678/", ["10.0.0.5"], "n8n.internal:5678", Refusal.USER_PART),
        ("ftp://n8n.internal:5678/", ["10.0.0.5"], "n8n.internal:5678", Refusal.SCHEME),
    ],
)
def test_an_entry_allows_nothing_else(url: str, found: list[str], entry: str, code: Refusal) -> None:
    assert refusal(url, found, entry) is code


def test_public_addresses_stay_allowed() -> None:
    assert refusal("https://shop.example/", ["8.8.8.8"], "10.0.0.0/8", "n8n.internal:5678") is None


@pytest.mark.parametrize(
    "entry",
    [
        *("n8n.internal", "10.0.0.5", "http://n8n.internal:5678", "n8n.internal:0", "n8n.internal:65536", "n8n.internal:port"),
        *("10.0.0.5/8", "10.0.0.0/33", "10.0.0.0/8:0", "10.0.0.0/8:70000", "10.0.0/8", "fd00::/129", "::1:8080", "[::1]"),
        *(
            "n8n.internal:5678@",
            "n8n.internal:5678@Aroeira",
            "n8n.internal:5678@-1",
            "@1",
            "user@n8n.internal:5678",
            "a..b:80",
            "*:80",
        ),
        *("n8n.internal:5678/path", "n8n internal:5678", "1.2.3.4.5:80", "[fe80::1%eth0]:80"),
    ],
)
def test_an_entry_that_is_not_valid_is_refused_in_words(entry: str) -> None:
    with pytest.raises(InvalidEntry, match=re.escape(repr(entry))):
        AllowList.parse([entry])


def test_empty_entries_are_ignored() -> None:
    assert AllowList.parse(["", " "]) == AllowList()
