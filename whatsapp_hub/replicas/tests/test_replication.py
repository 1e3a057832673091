"""A hub whose pages are read from a real replica, which is slowed down, stopped and killed."""

import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import NamedTuple

import pytest
import requests
from django.db import connection
from pytest_django import DjangoDbBlocker

from whatsapp_hub.replicas.tests.servers import (
    CSRF,
    MARIADB,
    PATIENCE,
    DatabaseServer,
    WebProcess,
    replicated_servers,
    until,
)

pytestmark = [
    pytest.mark.django_db,  # so that it runs with the suites on MariaDB and MySQL
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has no replicas"),
    pytest.mark.xdist_group("replicas"),
]

ROWS = """
from datetime import timedelta
from django.test import Client
from django.utils import timezone
from api.keys.services import create_key
from api.models import Scope
from contacts.models import Contact
from organizations.models import Membership, Organization, PhoneNumber, Role, User
ana = User.objects.create_user("ana@example.com", "uma-senha-boa-1", name="Ana")
organization = Organization.objects.create(organization_name="Aroeira")
Membership.objects.create(organization=organization, user=ana, role=Role.USER_CREATOR)
number = PhoneNumber.objects.create(organization=organization, phone_number_id="448190735512098", wa_id="556133214400")
now = timezone.now()
bia = Contact.objects.create(create_for_phone_number=number, wa_id="5561900000001", name="Bia", last_message_timestamp=now)
client = Client()
client.force_login(ana)
key = create_key(organization=organization, name="Loja", scopes=[Scope.READ], by=ana, now=now).text
print(organization.pk, bia.pk, client.cookies["sessionid"].value, key)
"""
SIGN_IN = {"django_session", "users", "api_key", "api_key_use"}


class Site(NamedTuple):
    """Ana's browser, and the servers behind the pages that it opens."""

    primary: DatabaseServer
    replica: DatabaseServer
    web: WebProcess
    browser: requests.Session
    organization: str
    contact: str
    api_key: str

    def url(self, path: str) -> str:
        return f"{self.web.address}/o/{self.organization}/{path}"

    def get(self, path: str) -> str:
        response = self.browser.get(self.url(path), timeout=PATIENCE)
        assert response.status_code == 200
        return response.text

    def get_from_api(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return requests.get(f"{self.web.address}/api/v1/{path}", headers=headers, timeout=PATIENCE)

    def add_note(self, text: str) -> None:
        response = self.browser.post(self.url(f"inbox/{self.contact}/notes/"), data={"text": text}, timeout=PATIENCE)
        assert response.status_code == 200

    def read_from(self) -> str:
        """Opens a page. Returns `replica`, or the reason why it was read from the primary."""
        before = self.web.results()
        self.get("inbox/")
        after = self.web.results()
        (result,) = [result for result, count in after.items() if count > before.get(result, 0)]
        return result

    def revision(self) -> int:
        return int(
            self.primary.run(f"SELECT number FROM hub.organization_revision WHERE organization_id = {self.organization}")[0][0]
        )


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """On servers of the kind on which the suite runs."""
    with django_db_blocker.unblock():
        is_mariadb = bool(connection.mysql_is_mariadb)  # type: ignore[attr-defined]  # of MySQL and MariaDB
    if is_mariadb and not MARIADB:
        pytest.skip("mariadbd is not installed")
    with replicated_servers(is_mariadb=is_mariadb) as (primary, replica):
        web = WebProcess(primary, replica, tmp_path_factory.mktemp("var"))
        try:
            organization, contact, session, api_key = web.execute(ROWS).split()
            browser = requests.Session()
            browser.cookies.update({"sessionid": session, "csrftoken": CSRF})
            browser.headers["X-CSRFToken"] = CSRF
            yield Site(primary, replica, web, browser, organization, contact, api_key)
        finally:
            web.stop()


@pytest.fixture
def site(started: Site) -> Site:
    """The site, when its pages are read from the replica."""
    until(lambda: started.read_from() == "replica")
    return started


def test_pages_read_their_rows_from_the_replica_and_the_sign_in_from_the_primary(site) -> None:
    for path in ("inbox/", f"inbox/{site.contact}/", f"inbox/{site.contact}/thread/", "contacts/?q=bia", "settings/webhooks/"):
        with site.primary.logged_tables() as primary, site.replica.logged_tables() as replica:
            site.get(path)
        assert set(primary) <= SIGN_IN
        assert {"organization_users", "organization_revision"} <= set(replica)


def test_requests_of_the_api_read_their_rows_from_the_replica(site) -> None:
    def reads_from_replica() -> bool:  # not if the machine is slow, because the request was counted just before
        with site.primary.logged_tables() as primary, site.replica.logged_tables() as replica:
            assert [each["name"] for each in site.get_from_api("contacts/").json()["results"]] == ["Bia"]
        return "contacts" in replica and set(primary) <= SIGN_IN | {"organization", "users"}  # of the key

    until(reads_from_replica)


@pytest.mark.parametrize("path", ["settings/", "settings/numbers/", "settings/members/"])
def test_other_pages_are_read_from_the_primary(site, path) -> None:
    with site.replica.logged_tables() as replica:
        site.get(path)
    assert replica == []


def test_a_page_shows_what_was_written_before_although_the_replica_is_behind(site) -> None:
    """A hundred times or more: until ten pages were read from the replica. Every other time it cannot commit for 40 ms."""
    before = site.web.results()["replica"]
    end = time.monotonic() + 3 * PATIENCE
    with closing(site.replica.connect("root")) as lock:
        for index in count():
            unlocking = threading.Timer(0.04, lock.query, ["UNLOCK TABLES"])
            if index % 2:
                lock.query("FLUSH TABLES WITH READ LOCK")
            site.add_note(f"note-{index}-")
            unlocking.start()
            page = site.get(f"inbox/{site.contact}/")
            assert f"note-{index}-" in page
            assert int(re.findall(r'data-revision="(\d+)"', page)[0]) == site.revision()
            unlocking.join()
            if index >= 99 and site.web.results()["replica"] - before >= 10:
                return
            assert time.monotonic() < end, "the replica is always behind"


def test_a_replica_that_is_not_there_in_time_is_not_read(site) -> None:
    site.replica.run("STOP REPLICA SQL_THREAD")
    try:
        site.add_note("stopped-")
        assert "stopped-" in site.get(f"inbox/{site.contact}/")
        assert site.read_from() == "behind"
    finally:
        site.replica.run("START REPLICA SQL_THREAD")
    until(lambda: site.read_from() == "replica")
    assert "pages are read from the primary: the replica does not have" in site.web.output.read_text()


def test_a_replica_that_dies_costs_no_page_and_no_request_of_the_api(site) -> None:
    with closing(site.replica.connect("root")) as lock:
        lock.query("LOCK TABLES hub.contacts WRITE")  # both wait while they read
        page: list[str] = []
        response: list[requests.Response] = []
        reading = [
            threading.Thread(target=lambda: page.append(site.get(f"inbox/{site.contact}/"))),
            threading.Thread(target=lambda: response.append(site.get_from_api("contacts/"))),
        ]
        for each in reading:
            each.start()
        waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock'"
        until(lambda: site.replica.run(waiting)[0][0])
        site.replica.kill()
        for each in reading:
            each.join(PATIENCE)
    try:
        assert "Bia" in page[0]
        assert response[0].status_code == 200
        site.add_note("away-")
        assert "away-" in site.get(f"inbox/{site.contact}/")
        assert site.read_from() == "unusable"
    finally:
        site.replica.start()
    until(lambda: site.read_from() == "replica")


SCENARIOS = """
import time
from django.db import DatabaseError, connections, transaction
from django.db.models import F
from contacts.models import Label
from jobs.replicas import replica_reads
from organizations.models import Organization
organization = Organization.objects.get()
names = map(str, range(1000))

def create():
    return Label.objects.create(organization=organization, name=next(names))

def alias_and_count(label):
    return Label.objects.db, Label.objects.filter(name=label.name).count()

def written_before_the_first_read():
    return alias_and_count(create())

def written_after_the_first_read():
    return Label.objects.db, *alias_and_count(create())

def written_by_a_cursor():
    alias = Label.objects.db
    with connections["default"].cursor() as cursor:
        cursor.execute("UPDATE contact_label SET name = 'c' WHERE name = '0'")
    return alias, Label.objects.db

def in_a_transaction_and_after_it():
    alias = Label.objects.db
    with transaction.atomic():
        inside = Label.objects.db
        Label.objects.select_for_update().first()
    return alias, inside, Label.objects.db

def saved():
    label = Label.objects.first()
    loaded_from, label.name = label._state.db, next(names)
    label.save()
    label.refresh_from_db()
    return loaded_from, *alias_and_count(label)

print("outside", Label.objects.db)
SCENARIOS = (
    written_before_the_first_read, written_after_the_first_read, written_by_a_cursor, in_a_transaction_and_after_it, saved,
)
for scenario in SCENARIOS:
    for _ in range(30):  # a slow machine does not have the position in time
        with replica_reads():
            result = scenario()
        if result[0] == "replica":
            break
        time.sleep(1)
    print(scenario.__name__, *result)
try:
    Label.objects.using("replica").update(name=F("name"))
except DatabaseError as failure:
    print("update of the replica", failure.args[0])
"""


def test_what_a_request_has_written_is_read_from_the_primary(site) -> None:
    assert site.web.execute(SCENARIOS).splitlines() == [
        "outside default",
        "written_before_the_first_read replica 1",
        "written_after_the_first_read replica default 1",
        "written_by_a_cursor replica default",
        "in_a_transaction_and_after_it replica default default",
        "saved replica default 1",
        "update of the replica 1792",  # the session is read-only
    ]


def test_exports_are_read_from_the_replica(site) -> None:
    def reads_from_replica() -> bool:  # not if the machine is slow, because the lane has written just before
        form = {"content": "contacts", "format": "csv", "number": "", "token": str(uuid.uuid4())}
        assert site.browser.post(site.url("settings/exports/"), data=form, timeout=PATIENCE).history
        with site.primary.logged_tables() as primary, site.replica.logged_tables() as replica:
            site.web.manage("worker", "--once")
        assert set(site.primary.run("SELECT state, `lines` FROM hub.chat_export")) == {("done", 1)}
        assert "chat_export" in primary
        assert "chat_export" not in replica
        return "contacts" in replica

    until(reads_from_replica)
