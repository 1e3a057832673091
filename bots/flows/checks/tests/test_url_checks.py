"""Problems of URLs that the URL itself shows."""

import pytest

from bots.flows.checks.url_checks import url_problem

RIGHT = [
    "https://example.com",
    "https://api.example.com:8443/v1/{{pedido}}?d={{dia}}#x",
    "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]/",
    "https://EXAMPLE.com./",
    "https://münchen.example.com/",
]
WRONG = {
    "": "invalid_url",
    "example.com": "invalid_url",
    "https:///a": "invalid_url",
    "https://exa mple.com/": "invalid_url",
    "https://example.com/\n": "invalid_url",
    "https://example.com:99999/": "invalid_url",
    "https://[::1/": "invalid_url",
    "http://example.com": "not_https",
    "ftp://example.com": "not_https",
    "javascript://example.com/%0aalert(1)": "not_https",
    "https://user@example.com": "url_with_user",
    "https://:@example.com": "url_with_user",
    "https://{{host}}/": "url_host_variable",
    "https://example.com.{{x}}/": "url_host_variable",
    "https://localhost/": "private_url",
    "https://LOCALHOST./": "private_url",
    "https://intranet/": "private_url",
    "https://nas.local/": "private_url",
    "https://db.internal/": "private_url",
    "https://127.0.0.1/": "private_url",
    "https://10.1.2.3/": "private_url",
    "https://169.254.169.254/latest": "private_url",
    "https://100.64.0.1/": "private_url",
    "https://0.0.0.0/": "private_url",
    "https://[::1]/": "private_url",
    "https://[fe80::1%25eth0]/": "private_url",
    "https://[::ffff:127.0.0.1]/": "private_url",
    "https://2130706433/": "private_url",
    "https://0x7f.1/": "private_url",
    "https://127.1/": "private_url",
    "https://0177.0.0.1/": "private_url",
}


@pytest.mark.parametrize("url", RIGHT)
def test_a_public_https_url_is_right(url: str) -> None:
    assert url_problem(url, is_called=True) == ""


@pytest.mark.parametrize(("url", "code"), WRONG.items())
def test_other_urls_have_a_problem(url: str, code: str) -> None:
    assert url_problem(url, is_called=True) == code


def test_a_customer_may_open_a_private_url() -> None:
    assert url_problem("https://10.1.2.3/") == ""
