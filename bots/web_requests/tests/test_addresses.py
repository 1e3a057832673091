"""Which URLs are refused, and which addresses are public."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.web_requests.addresses import check_addresses, check_destination, parse_destination
from bots.web_requests.allow_list import AllowList
from bots.web_requests.errors import Refusal, RefusedAddress
from bots.web_requests.hosts import InvalidHost, host_of, is_public, parse_address

NOTHING = AllowList()

REFUSED_URLS = [
    ("", Refusal.URL),
    ("shop.example", Refusal.URL),
    ("//shop.example/", Refusal.URL),
    ("https:shop.example", Refusal.URL),
    ("https:/shop.example", Refusal.URL),
    ("javascript:alert(1)", Refusal.URL),
    ("data:text/plain,hello", Refusal.URL),
    (" https://shop.example/", Refusal.URL),
    ("https://shop.example/\n", Refusal.URL),
    ("https://shop.example/a b", Refusal.URL),
    ("https://shop.example/\r\nHost: other", Refusal.URL),
    ("https://shop\t.example/", Refusal.URL),
    ("https://shop.example\\@other.example/", Refusal.URL),
    ("https://shop.example/\x00", Refusal.URL),
    ("https://shop.example/\ud800", Refusal.URL),
    ("https://shop.example/" + "a" * 4096, Refusal.URL),
    ("https://shop.example:99999/", Refusal.URL),
    ("https://shop.example:-1/", Refusal.URL),
    ("https://shop.example:٤٤٣/", Refusal.URL),
    ("https://shop.example:443:443/", Refusal.URL),
    ("https://[::1/", Refusal.URL),
    ("https://::1/", Refusal.URL),
    ("http://shop.example/", Refusal.SCHEME),
    ("ftp://shop.example/", Refusal.SCHEME),
    ("file:///etc/passwd", Refusal.SCHEME),
    ("gopher://shop.example/", Refusal.SCHEME),
    ("ws://shop.example/", Refusal.SCHEME),
    ("https://user@shop.example/", Refusal.USER_PART),
    ("https://user:password@shop.example/", Refusal.USER_PART),
    ("https://@shop.example/", Refusal.USER_PART),
    ("https://shop.example@127.0.0.1/", Refusal.USER_PART),
    ("https://shop.example:443@127.0.0.1/", Refusal.USER_PART),
    ("https:///path", Refusal.HOST),
    ("https://:443/", Refusal.HOST),
    ("https://?query", Refusal.HOST),
    ("https://./", Refusal.HOST),
    ("https://shop..example/", Refusal.HOST),
    ("https://shop.example../", Refusal.HOST),
    ("https://-shop.example/", Refusal.HOST),
    ("https://shop,example/", Refusal.HOST),
    ("https://" + "a" * 64 + ".example/", Refusal.HOST),
    ("https://" + "a." * 130 + "example/", Refusal.HOST),
    ("https://%31%32%37.0.0.1/", Refusal.HOST),
    ("https://127.0.0.1%2f.shop.example/", Refusal.HOST),
    ("https://[fe80::1%25eth0]/", Refusal.HOST),
    ("https://[fe80::1%eth0]/", Refusal.HOST),
    ("https://[::1%251]/", Refusal.HOST),
    ("https://1.2.3.4.5/", Refusal.HOST),
    ("https://256.1.1.1/", Refusal.HOST),
    ("https://0x100000000/", Refusal.HOST),
    ("https://4294967296/", Refusal.HOST),
    ("https://0x/", Refusal.HOST),
    ("https://08.8.8.8/", Refusal.HOST),
    ("https://shop.127/", Refusal.HOST),
    ("https://shop.0x7f/", Refusal.HOST),
    ("https://shop.example:80/", Refusal.PORT),
    ("https://shop.example:22/", Refusal.PORT),
    ("https://shop.example:0/", Refusal.PORT),
    ("https://shop.example:6379/", Refusal.PORT),
]


@pytest.mark.parametrize(("url", "code"), REFUSED_URLS)
def test_a_hostile_url_is_refused_before_its_name_is_looked_up(url: str, code: Refusal) -> None:
    with pytest.raises(RefusedAddress) as refused:
        check_destination(parse_destination(url), NOTHING)
    assert refused.value.code is code
    assert str(refused.value.text)


@pytest.mark.parametrize(
    "url",
    [
        "https://１２７.0.0.1/",  # full-width digits
        "https://127。0。0。1/",  # ideographic full stops
        "https://①②⑦.0.0.1/",
        "https://ⓛocalhost/",
        "https://shop\u00ad.example/",  # a soft hyphen
    ],
)
def test_a_host_in_look_alike_characters_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddress):
        parse_destination(url)


LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "00000177.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_each_spelling_of_an_address_is_the_same_address(host: str) -> None:
    assert str(parse_destination(f"https://{host}/").host) == "127.0.0.1"


@pytest.mark.parametrize("host", ["0", "0x0", "[::]", "[::1]", "10.1", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", *LOOPBACK])
def test_an_address_in_a_url_is_checked_like_one_of_a_name(host: str) -> None:
    destination = parse_destination(f"https://{host}/")
    with pytest.raises(RefusedAddress) as refused:
        check_addresses(destination, [str(destination.host)], NOTHING)
    assert refused.value.code is Refusal.ADDRESS


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://SHOP.example", "shop.example", "/"),
        ("https://shop.example.:443/a/../b?c=%20#d", "shop.example", "/b?c=%20"),
        ("https://shop.example:8443?x={y}", "shop.example:8443", "/?x=%7By%7D"),
        ("HTTPS://ação.com.br/é", "xn--ao-siap.com.br", "/%C3%A9"),
        ("https://a_b.example/", "a_b.example", "/"),
        ("https://0x08.0x08.2056/", "8.8.8.8", "/"),
        ("https://[2606:4700:0::1111]:8443/", "[2606:4700::1111]:8443", "/"),
        ("https://123.shop.example/@user:1", "123.shop.example", "/@user:1"),
    ],
)
def test_a_public_url_is_read(url: str, authority: str, target: str) -> None:
    destination = parse_destination(url)
    check_destination(destination, NOTHING)
    assert (destination.authority, destination.target) == (authority, target)


PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2001:4860::8888",
    "64:ff9b::808:808",
]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),  # noqa: S104
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("168.63.129.16", "192.31.196.1", "192.52.193.1", "192.175.48.1"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:8.8.8.8", "100::1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1"),
    *("2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1"),
    *("2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1"),
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(parse_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(parse_address(address))
    with pytest.raises(RefusedAddress):
        check_addresses(parse_destination("https://shop.example/"), [address], NOTHING)


@pytest.mark.parametrize(
    "found", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "fe80::1%eth0"], ["8.8.8.8", "words"]]
)
def test_a_name_is_refused_if_one_of_its_addresses_is(found: list[str]) -> None:
    with pytest.raises(RefusedAddress) as refused:
        check_addresses(parse_destination("https://shop.example/"), found, NOTHING)
    assert refused.value.code is Refusal.ADDRESS


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_public_only_as_global_unicast_or_behind_nat64(address: object) -> None:
    parsed = parse_address(str(address))
    first = str(parsed).partition(":")[0]
    if is_public(parsed) and parsed.version == 6:
        assert first[0] in "23" or str(parsed).startswith("64:ff9b::")


@given(st.text(alphabet="https:/@[]%.\\#?01x7f:a-_é。 \n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            destination = parse_destination(url)
        except RefusedAddress:
            continue
        assert parse_destination(f"{destination.scheme}://{destination.authority}{destination.target}") == destination


@given(st.text(max_size=30))
def test_any_text_is_a_host_or_is_not(text: str) -> None:
    try:
        host = host_of(text)
    except InvalidHost:
        return
    assert host_of(f"[{host}]" if ":" in str(host) else str(host)) == host
