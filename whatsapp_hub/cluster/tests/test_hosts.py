"""The order in which the hosts of a cluster are tried."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub import configuration
from whatsapp_hub.cluster.hosts import AVOID_SECONDS, Address, Hosts, parse_hosts

A, B, C = Address("a", 3306), Address("b", 3307), Address("c", 3306)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_hosts_are_tried_in_the_written_order() -> None:
    assert Hosts([A, B, C]).in_order() == [A, B, C]


def test_a_host_that_failed_is_tried_last_for_some_seconds() -> None:
    clock = Clock()
    hosts = Hosts([A, B, C], clock=clock)
    hosts.record_failure(A)
    assert hosts.in_order() == [B, C, A]
    clock.now += AVOID_SECONDS
    assert hosts.in_order() == [A, B, C]


def test_all_hosts_are_tried_if_all_failed() -> None:
    hosts = Hosts([A, B], clock=Clock())
    for each in (A, B):
        hosts.record_failure(each)
    assert hosts.in_order() == [A, B]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a,b:3307", [A, B]),
        ("10.0.0.1:3306,[::1]:3308", [Address("10.0.0.1", 3306), Address("::1", 3308)]),
        ("a, b:3307", [A, B]),
    ],
)
def test_a_list_of_hosts_is_parsed(written, expected) -> None:
    assert parse_hosts(written) == expected


def test_a_url_with_several_hosts_selects_the_engine_of_clusters() -> None:
    url = "mysql://hub:p%40ss@db1:3306,db2:3307,[::1]:3308/hub?connect_timeout=1"
    config = configuration.database_config(url, base=Path("/"))
    read = (config["ENGINE"], config["HOST"], config["PORT"], config["USER"], config["PASSWORD"], config["NAME"])
    assert read == ("whatsapp_hub.cluster", "db1:3306,db2:3307,[::1]:3308", "", "hub", "p@ss", "hub")
    assert config["OPTIONS"] == {"connect_timeout": 1}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:geheim@h1,,h2/hub",
        "mysql://u:geheim@h1:0,h2/hub",
        "mysql://u:geheim@h1:x,h2/hub",
        "mysql://u:geheim@h1,h2",
        "mysql://u:geheim@h1,h2/hub?isolation_level=none",
        "sqlite://h1,h2/hub",
    ],
)
def test_a_url_with_an_invalid_list_is_refused_without_its_password(url) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL is not understood") as refusal:
        configuration.database_config(url, base=Path("/"))
    assert "geheim" not in str(refusal.value)
