"""`DATABASE_REPLICA_URL`, and the list of what may be read from a replica."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver

from contacts.models import Contact
from jobs.replicas import AVOID_SECONDS, BEHIND, LOG_SECONDS, Replica, current_reads, replica_reads
from whatsapp_hub import configuration
from whatsapp_hub.replicas.pages import PAGES
from whatsapp_hub.replicas.router import SIGN_IN, ReplicaRouter
from whatsapp_hub.tests.test_settings import MANAGE, run

PRIMARY = configuration.database_config("mysql://u@h/hub", base=Path("/"))


def test_a_replica_has_one_host_or_several() -> None:
    one = configuration.replica_config(" mysql://hub:p%40ss@replica:3307/hub?read_timeout=5 ", primary=PRIMARY)
    assert one is not None
    assert (one["ENGINE"], one["HOST"], one["PORT"], one["PASSWORD"]) == ("django.db.backends.mysql", "replica", 3307, "p@ss")
    assert one["OPTIONS"] == {"read_timeout": 5}
    several = configuration.replica_config("mysql://hub:pw@r1:3306,r2:3306/hub", primary=PRIMARY)
    assert several is not None
    assert (several["ENGINE"], several["HOST"]) == ("whatsapp_hub.cluster", "r1:3306,r2:3306")


@pytest.mark.parametrize("url", ["", "  "])
def test_without_a_url_there_is_no_replica(url) -> None:
    assert configuration.replica_config(url, primary=PRIMARY) is None


@pytest.mark.parametrize(
    "url",
    [
        "replica",
        "sqlite:////var/hub.sqlite3",
        "mariadb://u:geheim@h/hub",
        "mysql://u:geheim@h",
        "mysql://u:geheim@h:x/hub",
        "mysql://u:geheim@h1,,h2/hub",
        "mysql://u:geheim@h/hub?isolation_level=serializable",
    ],
)
def test_an_invalid_url_is_refused_without_its_password(url) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_REPLICA_URL is not understood") as refusal:
        configuration.replica_config(url, primary=PRIMARY)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("sqlite:////var/hub.sqlite3", "is an SQLite file"), ("mysql://u@h1,h2/hub", "lists the nodes of a cluster")],
)
def test_a_file_and_a_cluster_have_no_replica(url, reason) -> None:
    primary = configuration.database_config(url, base=Path("/"))
    with pytest.raises(ImproperlyConfigured, match=reason):
        configuration.replica_config("mysql://u@replica/hub", primary=primary)


def test_a_command_says_what_is_wrong(tmp_path) -> None:
    done = run([*MANAGE, "check"], VAR_DIR=str(tmp_path), DATABASE_REPLICA_URL="mysql://u:geheim@replica/hub")
    assert done.returncode != 0
    assert "DATABASE_REPLICA_URL is set, but the database is an SQLite file" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_replica_nothing_is_routed() -> None:
    assert list(settings.DATABASES) == ["default"]
    assert settings.DATABASE_ROUTERS == []
    assert not any("replica" in each for each in settings.MIDDLEWARE)
    with replica_reads():
        assert current_reads() is None


def test_the_router_writes_and_migrates_on_the_primary() -> None:
    router = ReplicaRouter()
    assert (router.db_for_read(Contact), router.db_for_write(Contact)) == ("default", "default")
    assert router.allow_migrate("default", "contacts")
    assert not router.allow_migrate("replica", "contacts")


def test_the_revision_is_not_read_elsewhere_than_what_it_stands_for() -> None:
    assert not SIGN_IN & {("organizations", "membership"), ("organizations", "revision"), ("organizations", "organization")}


def url_names(resolver: URLResolver) -> Iterator[str | None]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            yield each.name
        elif each.namespace is None:  # those of Django admin have one
            yield from url_names(each)


def test_all_listed_urls_exist() -> None:
    assert set(url_names(get_resolver())) >= PAGES


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_replica_that_is_behind_is_logged_once_a_minute(caplog) -> None:
    clock = Clock()
    replica = Replica(clock=clock)
    for _ in range(3):
        replica.avoid(BEHIND)
    assert caplog.text.count("pages are read from the primary") == 1
    clock.now += LOG_SECONDS
    replica.avoid(BEHIND)
    assert caplog.text.count("pages are read from the primary") == 2


def test_a_replica_that_is_behind_is_not_asked_for_a_second() -> None:
    clock = Clock()
    replica = Replica(clock=clock)
    replica.avoid(BEHIND)
    clock.now += AVOID_SECONDS[BEHIND] / 2
    assert not replica.is_current()  # without a query: this test may not use a database
