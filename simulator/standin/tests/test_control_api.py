"""The control API of the stand-in: what it accepts and refuses, what it has after a restart, and its command."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from simulator.standin import running_standin
from simulator.standin.server import WABA
from simulator.standin.state.journal import JOURNAL
from simulator.standin.tests.receiver import Receiver

TOP = Path(__file__).resolve().parent.parent.parent.parent
NUMBER = "448190735512098"
OTHER = "448190735512733"
TOKEN = f"token-of-{NUMBER}"
ANA = "556195550186"
TEMPLATE = {
    "name": "lembrete",
    "language": "pt_BR",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Sua visita é amanhã."}],
}


@pytest.fixture(scope="module")
def running():
    with running_standin() as standin:
        yield standin


@pytest.fixture
def standin(running):
    running.connect(NUMBER, cast=True)
    running.connect(OTHER, waba_id="402277183300915")
    return running


def control(standin, method, path, *, token=TOKEN, **options):
    url = f"{standin.url}/control/numbers{path}"
    return requests.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=30, **options)


def send(standin, to=f"+{ANA}"):
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "olá"}}
    url = f"{standin.url}/v25.0/{NUMBER}/messages"
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).json()["messages"][0]["id"]


DESCRIBED = {"phone_number_id": NUMBER, "waba_id": WABA, "wa_id": "556155550100", "token": TOKEN, "app_secret": "s" * 32}


def test_a_number_is_connected_and_changed_without_losing_anything(standin) -> None:
    standin.send_from_customer(NUMBER, ANA, "oi")
    standin.fault(NUMBER, "429")
    standin.latency(NUMBER, 0.01)
    changed = standin.connect(NUMBER, verified_name="Aroeira", cast=True)
    assert (changed["verified_name"], changed["latency"], len(changed["faults"])) == ("Aroeira", 0.01, 1)
    assert standin.messages(NUMBER, ANA)
    assert len(standin.customers(NUMBER)) >= 5
    standin.clear_faults(NUMBER)


def test_no_secret_is_shown(standin) -> None:
    shown = control(standin, "GET", f"/{NUMBER}").text
    assert TOKEN not in shown
    assert "s" * 32 not in shown


def test_the_cast_is_of_all_kinds(standin) -> None:
    people = standin.customers(NUMBER)
    assert {"556195550186", "5511955550142", "5215555550173", "553195550128", "BR.1000000000000004"} <= set(people)
    assert people["BR.1000000000000004"]["wa_id"] is None
    assert people["553195550128"]["username"] == "livia.prado"


def test_without_being_asked_there_is_no_cast(standin) -> None:
    assert standin.customers(OTHER) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone_number_id": ""},
        {"phone_number_id": "../1"},
        {"waba_id": None},
        {"wa_id": "five"},
        {"token": ""},
        {"app_secret": 5},
        {"throughput": -1},
        {"throughput": "80"},
        {"latency": 1e9},
        {"delivery_seconds": True},
        {"webhook_url": "file:///etc/passwd"},
        {"verified_name": "x" * 201},
    ],
)
def test_a_number_that_makes_no_sense_is_refused(standin, wrong) -> None:
    answer = requests.post(f"{standin.url}/control/numbers", json=DESCRIBED | wrong, timeout=30)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["error"]["message"]


def test_no_page_of_another_site_can_connect_a_number(standin) -> None:
    response = requests.post(
        f"{standin.url}/control/numbers", data=json.dumps(DESCRIBED), headers={"Content-Type": "text/plain"}, timeout=30
    )
    assert response.status_code == 415


@pytest.mark.parametrize("token", ["", "wrong", f"token-of-{OTHER}"])
@pytest.mark.parametrize("path", ["", "/customers", "/sent", "/calls"])
def test_a_number_is_seen_only_with_its_token(standin, token, path) -> None:
    assert control(standin, "GET", f"/{NUMBER}{path}", token=token).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 405),
        ("PUT", f"/{NUMBER}/customers", 405),
        ("DELETE", f"/{NUMBER}/customers/{ANA}/messages", 405),
        ("GET", f"/{NUMBER}/nothing", 404),
        ("GET", f"/{NUMBER}/customers/nobody/messages", 404),
        ("POST", f"/{NUMBER}/customers/nobody/open", 404),
    ],
)
def test_unknown_paths_and_methods_are_refused(standin, method, path, status) -> None:
    assert control(standin, method, path).status_code == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"kind": "flood"}),
        ("/faults", {"kind": "error:x"}),
        ("/faults", {"kind": ["slow"]}),
        ("/faults", {"kind": "slow", "times": 0}),
        ("/faults", {"kind": "slow", "times": "2"}),
        ("/faults", {"kind": "slow", "times": True}),
        ("/faults", {"kind": "slow", "seconds": -1}),
        ("/latency", {}),
        ("/latency", {"seconds": "x"}),
        ("/templates", TEMPLATE | {"status": "GOOD"}),
        ("/templates", {"name": "x"}),
        ("/customers", {}),
        ("/customers", {"name": "Ana"}),
        ("/customers", {"name": "", "wa_id": "556190000001"}),
        ("/customers", {"name": "Ana", "wa_id": "x"}),
        ("/customers", {"name": "Ana", "username": "A B"}),
        ("/customers", {"name": "Ana", "username": "ana.b", "user_id": "x"}),
        (f"/customers/{ANA}/messages", {}),
        (f"/customers/{ANA}/messages", {"type": "text"}),
        (f"/customers/{ANA}/messages", {"type": "text", "text": {"body": ""}}),
        (f"/customers/{ANA}/messages", {"type": "text", "text": "oi"}),
        (f"/customers/{ANA}/messages", {"type": "image", "image": {"id": "404"}}),
        (f"/customers/{ANA}/messages", {"type": "text", "text": {"body": "oi"}, "at": "yesterday"}),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(standin, path, body) -> None:
    before = standin.number(NUMBER), len(standin.messages(NUMBER, ANA))
    answer = control(standin, "POST", f"/{NUMBER}{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert (standin.number(NUMBER), len(standin.messages(NUMBER, ANA))) == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(standin, body) -> None:
    assert control(standin, "POST", f"/{NUMBER}/faults", data=body).status_code == 400


def test_customers_are_unique(standin) -> None:
    for again in ({"wa_id": ANA}, {"wa_id": "5561995550186"}, {"username": "outra", "user_id": "BR.1000000000000001"}):
        assert control(standin, "POST", f"/{NUMBER}/customers", json={"name": "Ana"} | again).status_code == 409


def test_a_customer_may_have_written_before(standin) -> None:
    key = standin.add_customer(NUMBER, name="Zé", wa_id="556190000555", wrote_at=time.time() - 60)
    assert standin.customers(NUMBER)[key]["is_window_open"]
    assert standin.customers(NUMBER)[key]["user_id"].startswith("BR.")


def test_only_what_has_changed_is_listed_after_a_revision(standin) -> None:
    key = standin.add_customer(NUMBER, name="Zé", username="ze.s")
    first = standin.send_from_customer(NUMBER, key, "oi")
    second = standin.send_from_customer(NUMBER, key, "tudo?")
    assert [each["wamid"] for each in standin.messages(NUMBER, key, after=first["seq"])] == [second["wamid"]]
    seen = standin.number(NUMBER)["seq"]
    assert standin.messages(NUMBER, key, after=seen) == []
    standin.send_from_customer(NUMBER, key, {"type": "reaction", "reaction": {"message_id": first["wamid"], "emoji": "👍"}})
    assert [each["wamid"] for each in standin.messages(NUMBER, key, after=seen)] == [first["wamid"]]
    assert control(standin, "GET", f"/{NUMBER}/customers/{key}/messages?after=x").status_code == 400


def test_the_phone_sees_that_the_business_writes(standin) -> None:
    wamid = standin.send_from_customer(NUMBER, ANA, "oi")["wamid"]
    path = f"/{NUMBER}/customers/{ANA}/messages"
    assert control(standin, "GET", path).json()["typing"] is False
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid, "typing_indicator": {"type": "text"}}
    url = f"{standin.url}/v25.0/{NUMBER}/messages"
    assert requests.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).json() == {"success": True}
    assert control(standin, "GET", path).json()["typing"] is True


# After a restart


def test_a_restart_forgets_nothing(tmp_path) -> None:
    with running_standin(directory=tmp_path) as standin:
        standin.connect(NUMBER, cast=True, verified_name="Aroeira")
        standin.fault(NUMBER, "131056", times=2, on="POST media")
        standin.add_template(NUMBER, TEMPLATE)
        media_id = standin.upload(NUMBER, b"PNG", mime_type="image/png", name="a.png")
        said = standin.send_from_customer(NUMBER, ANA, {"type": "image", "image": {"id": media_id}})
        standin.send_from_customer(NUMBER, ANA, {"type": "reaction", "reaction": {"message_id": said["wamid"], "emoji": "👍"}})
        send(standin)
        until_delivered(standin)
        before = everything(standin)
    for _ in range(2):
        with running_standin(directory=tmp_path) as again:
            again._tokens = {NUMBER: TOKEN}
            assert everything(again) == before
            assert download(again, media_id) == b"PNG"


def test_what_was_free_this_month_is_known_after_a_restart(tmp_path) -> None:
    def pricing(receiver, count):
        return [each["pricing"]["type"] for each in receiver.statuses(count) if each["status"] == "delivered"]

    for expected in ("free_customer_service", "regular"):
        receiver = Receiver()
        with running_standin(directory=tmp_path, hub_url=receiver.url) as standin:
            standin.connect(NUMBER, cast=True, service_allowance=1)
            standin.send_from_customer(NUMBER, ANA, "oi")
            send(standin)
            assert pricing(receiver, 3) == [expected]
        receiver.close()


def everything(standin):
    names = requests.get(
        f"{standin.url}/v25.0/{WABA}/message_templates", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
    ).json()
    return standin.number(NUMBER), standin.customers(NUMBER), standin.messages(NUMBER, ANA), standin.sent(NUMBER), names


def download(standin, media_id):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = requests.get(f"{standin.url}/v25.0/{media_id}", headers=headers, timeout=30).json()["url"]
    return requests.get(url, headers=headers, timeout=30).content


def until_delivered(standin, wanted="delivered"):
    until = time.monotonic() + 10
    while {each["status"] for each in standin.sent(NUMBER)} != {wanted}:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_was_on_its_way_arrives_after_a_restart(tmp_path) -> None:
    with running_standin(directory=tmp_path) as standin:
        standin.connect(NUMBER, cast=True, delivery_seconds=60)
        standin.send_from_customer(NUMBER, ANA, "oi")
        send(standin)
        until_delivered(standin, "sent")
        standin.connect(NUMBER, delivery_seconds=0)
    receiver = Receiver()
    with running_standin(directory=tmp_path, hub_url=receiver.url) as standin:
        assert receiver.statuses(1)[0]["status"] == "delivered"
        assert receiver.paths == ["/webhooks/whatsapp/"]
    receiver.close()


def test_a_template_under_review_is_looked_at_after_a_restart(tmp_path) -> None:
    with running_standin(directory=tmp_path) as standin:
        standin.connect(NUMBER)
        url, headers = f"{standin.url}/v25.0/{WABA}/message_templates", {"Authorization": f"Bearer {TOKEN}"}
        assert requests.post(url, json=TEMPLATE, headers=headers, timeout=30).json()["status"] == "PENDING"
    receiver = Receiver()
    with running_standin(directory=tmp_path, hub_url=receiver.url):
        assert receiver.wait()[0]["entry"][0]["changes"][0]["value"]["event"] == "APPROVED"
    receiver.close()


@pytest.mark.parametrize(
    "torn", [b'{"kind":"messa', b"\xff\xfe\n", b"[1]\n", b'{"kind":"message"}\n', b'{"kind":"new"}\n', b'{"thing":1}\n', b"null"]
)
def test_a_journal_with_a_line_that_cannot_be_read_loses_only_that(tmp_path, torn) -> None:
    with running_standin(directory=tmp_path) as standin:
        standin.connect(NUMBER, cast=True)
        said = standin.send_from_customer(NUMBER, ANA, "oi")
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(torn)
    for _ in range(2):
        with running_standin(directory=tmp_path) as standin:
            standin.connect(NUMBER, verified_name="again")
            assert standin.messages(NUMBER, ANA)[0]["wamid"] == said["wamid"]


def test_the_journal_does_not_grow_for_ever(tmp_path) -> None:
    with running_standin(directory=tmp_path) as standin:
        for number in range(50):
            standin.connect(NUMBER, verified_name=str(number))
    grown = (tmp_path / JOURNAL).stat().st_size
    with running_standin(directory=tmp_path) as standin:
        standin.connect(NUMBER)
    assert (tmp_path / JOURNAL).stat().st_size < grown / 10


def test_a_deleted_file_stays_deleted(tmp_path) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with running_standin(directory=tmp_path) as standin:
        standin.connect(NUMBER)
        media_id = standin.upload(NUMBER, b"PNG", mime_type="image/png")
        requests.delete(f"{standin.url}/v25.0/{media_id}", headers=headers, timeout=30)
    with running_standin(directory=tmp_path) as standin:
        assert requests.get(f"{standin.url}/v25.0/{media_id}", headers=headers, timeout=30).status_code == 400
    assert list((tmp_path / "files").iterdir()) == []


# The command


@pytest.fixture
def command(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"SIMULATOR_PORT": str(port), "VAR_DIR": str(tmp_path), "PORT": "9"}
    run = [sys.executable, "manage.py", "simulator"]
    with subprocess.Popen(run, cwd=TOP, env=environment, stderr=subprocess.PIPE, text=True) as process:
        yield process, port, environment
        process.kill()


def test_command_serves_this_machine_until_sigterm(command, tmp_path) -> None:
    process, port, environment = command
    until = time.monotonic() + 20
    while True:
        try:
            answer = requests.post(f"http://127.0.0.1:{port}/control/numbers", json=DESCRIBED, timeout=5)
            break
        except requests.ConnectionError:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert answer.json()["phone_number_id"] == NUMBER
    in_use = subprocess.run(
        [sys.executable, "manage.py", "simulator"],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert in_use.returncode == 1
    assert f"port {port} is in use" in in_use.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in (0, -signal.SIGTERM)
    assert NUMBER in (tmp_path / "simulator" / JOURNAL).read_text()


def test_standin_imports_nothing_of_the_hub() -> None:
    code = "import sys, simulator.standin; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, timeout=300, check=True)
    assert "'simulator'" in run.stdout
    assert not {f"'{name}'" for name in ("django", "organizations", "chats", "webhooks", "jobs")} & set(
        run.stdout.strip("[]\n").split(", ")
    )


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8001", "localhost.evil.example", "", "a@127.0.0.1"]
)
def test_a_page_of_another_site_reaches_nothing_by_a_name_of_its_own(standin, host) -> None:
    headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
    for path in (f"/control/numbers/{NUMBER}/sent", f"/v25.0/{NUMBER}", "/files/1"):
        assert requests.get(standin.url + path, headers=headers, timeout=30).status_code in (400, 421)
    assert requests.post(f"{standin.url}/control/numbers", json=DESCRIBED, headers=headers, timeout=30).status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "localhost:8001", "hub.localhost", "127.0.0.1", "127.0.0.2:80", "[::1]:8001"])
def test_this_machine_is_served_by_all_its_names(standin, host) -> None:
    headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
    assert requests.get(f"{standin.url}/control/numbers/{NUMBER}", headers=headers, timeout=30).status_code == 200


def test_a_number_is_not_overwritten_by_who_does_not_own_it(standin) -> None:
    theirs = DESCRIBED | {"token": "another", "app_secret": "another", "webhook_url": "http://127.0.0.1:1/"}
    refused = requests.post(f"{standin.url}/control/numbers", json=theirs, timeout=30)

    assert refused.status_code == 403
    assert control(standin, "GET", f"/{NUMBER}").status_code == 200
    renewed = DESCRIBED | {"token": "new"}
    assert requests.post(f"{standin.url}/control/numbers", json=renewed, timeout=30).status_code == 200
    owner = {"Authorization": "Bearer new"}
    assert requests.post(f"{standin.url}/control/numbers", json=DESCRIBED, headers=owner, timeout=30).status_code == 200
