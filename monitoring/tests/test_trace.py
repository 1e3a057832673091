"""Log lines as JSON, and the trace: a request id leads from a webhook to the last effect of it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chats.models import Message
from chats.outbox.tests.steps import write
from conftest import apply_all
from jobs.tracing import TRACE, log_ids
from monitoring.logs import JsonFormatter, LineFormatter
from organizations.members.invitations import issue_invitation
from organizations.models import Role
from organizations.tests.people import member
from webhooks.models import HeldItem, Webhook
from webhooks.request_ids import request_id_of
from webhooks.tests.bodies import ANA, text_body

pytestmark = pytest.mark.usefixtures("hub")
Lines = list[dict[str, Any]]


class Recorder(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def traced() -> Iterator[list[str]]:
    """The lines of the trace, switched on."""
    recorder = Recorder(JsonFormatter())
    before = TRACE.level
    TRACE.setLevel(logging.INFO)
    TRACE.addHandler(recorder)
    yield recorder.lines
    TRACE.removeHandler(recorder)
    TRACE.setLevel(before)


def steps(traced: list[str], name: str) -> Lines:
    return [line for each in traced if (line := json.loads(each))["message"] == name]


def test_a_request_id_leads_from_a_webhook_to_its_message(hub, numbers, traced) -> None:
    body = text_body("wamid.1", text="um segredo")
    response = hub.post(body)
    apply_all()
    request_id = response.headers["X-Request-ID"]
    assert request_id == request_id_of(body)
    (received,), (applied,) = steps(traced, "webhook received"), steps(traced, "webhook applied")
    assert (received["request_id"], received["status"]) == (request_id, 200)
    assert (applied["request_id"], applied["webhook_id"]) == (request_id, Webhook.objects.get().pk)
    assert applied["message_ids"] == [Message.objects.get().pk]
    assert hub.post(body).headers["X-Request-ID"] == request_id  # Meta's second delivery is the same webhook


def test_a_sent_message_leads_to_its_status(hub, meta, joelma, traced) -> None:
    message = write(joelma, "Bom dia")
    apply_all()
    hub.deliver(meta.status_body(meta.sent()[0], "delivered"))
    apply_all()
    (queued,), (sent,), (applied,) = (steps(traced, name) for name in ("message queued", "message sent", "webhook applied"))
    assert queued["message_id"] == sent["message_id"] == message.pk
    assert (queued["contact_id"], sent["result"]) == (joelma.pk, "Sent")
    assert applied["message_ids"] == [message.pk]


def test_a_refusal_of_graph_is_in_the_trace_with_its_code(meta, joelma, traced) -> None:
    meta.fault("131026")
    write(joelma, "Bom dia")
    apply_all()
    assert steps(traced, "message sent")[0]["result"] == "GraphError 131026"


def test_a_held_item_is_in_the_trace(hub, numbers, traced) -> None:
    hub.deliver(text_body("wamid.1", number="999000111222333"))
    apply_all()
    assert steps(traced, "webhook applied")[0]["held"] == [HeldItem.objects.get().position]


def test_the_trace_has_no_phone_number_no_wamid_and_no_text(hub, meta, joelma, traced) -> None:
    hub.deliver(text_body("wamid.HBgMNTU2MTgxNTAwNTg2", text="um segredo"))
    write(joelma, "outro segredo")
    apply_all()
    text = "\n".join(traced)
    assert len(traced) >= 4
    assert not [word for word in ("wamid", "segredo", ANA, joelma.wa_id, meta.sent()[0]["wamid"]) if word in text]


def test_without_the_trace_nothing_is_written_and_webhooks_have_no_request_id(hub, numbers) -> None:
    recorder = Recorder(JsonFormatter())
    TRACE.addHandler(recorder)
    response = hub.post(text_body("wamid.1"))
    apply_all()
    TRACE.removeHandler(recorder)
    assert recorder.lines == []
    assert "X-Request-ID" not in response.headers


def test_pages_have_a_request_id_which_is_that_of_the_proxy_if_it_is_one(organization) -> None:
    _, client = member(organization, Role.USER)
    url = f"/o/{organization.pk}/inbox/"
    assert client.get(url, headers={"X-Request-ID": "0a1b2c3d4e5f"})["X-Request-ID"] == "0a1b2c3d4e5f"
    given = client.get(url, headers={"X-Request-ID": "x\nSet-Cookie: a=b"})["X-Request-ID"]
    assert len(given) == 16
    assert client.get(url)["X-Request-ID"] != given


@pytest.mark.parametrize("formatter", [JsonFormatter(), LineFormatter()])
def test_lines_have_their_ids_and_are_one_line(formatter) -> None:
    recorder = Recorder(formatter)
    log = logging.getLogger("test.ids")
    log.addHandler(recorder)
    with log_ids(request_id="abc"), log_ids(row=7):
        log.warning("row %s failed: %s", 7, "café")
    log.removeHandler(recorder)
    (line,) = recorder.lines
    assert "\n" not in line
    assert "café" in line
    if isinstance(formatter, JsonFormatter):
        parsed = json.loads(line)
        assert (parsed["level"], parsed["request_id"], parsed["row"]) == ("WARNING", "abc", 7)
    else:
        assert line.endswith(" request_id=abc row=7")


def test_a_traceback_is_inside_the_json_object() -> None:
    recorder = Recorder(JsonFormatter())
    log = logging.getLogger("test.traceback")
    log.addHandler(recorder)
    try:
        int("x")
    except ValueError:
        log.exception("it failed")
    log.removeHandler(recorder)
    assert "ValueError" in json.loads(recorder.lines[0])["traceback"]


@pytest.mark.parametrize("formatter", [JsonFormatter(), LineFormatter()])
def test_tokens_of_links_are_not_logged(organization, formatter) -> None:
    issued = issue_invitation(organization, email="new@example.com", role=Role.USER, invited_by=None, now=timezone.now())
    links = (
        f"/invitations/{issued.token}/",
        "/accounts/password/reset/key/1-geheim-7/",
        "/profile/email/geheim/",
        "/invitations/geheim",
    )
    recorder = Recorder(formatter)
    logging.getLogger("django").addHandler(recorder)
    try:
        assert Client().post(links[0], {"name": "Bia", "password": "short"}).status_code == 422
        for link in links:
            Client(enforce_csrf_checks=True).post(link, {"name": "Bia", "password": "short"})
    finally:
        logging.getLogger("django").removeHandler(recorder)
    written = "\n".join(recorder.lines)
    assert all(f"{link}***" in written for link in ("/invitations/", "/accounts/password/reset/key/", "/profile/email/"))
    assert issued.token not in written
    assert "geheim" not in written
