"""The stand-in's Graph API over real HTTP, with the hub's own client, and with requests that this client never makes."""

import hashlib
import http.client
import io
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_api import messages
from cloud_api.graph import Connections, Graph, GraphError, Recipient
from simulator.standin import running_standin
from simulator.standin.server import SECRET, WABA
from simulator.standin.tests.receiver import Receiver

NUMBER = "448190735512098"
OTHER = "448190735512733"
TOKEN = f"token-of-{NUMBER}"
ANA = "556195550186"
TO = Recipient(wa_id=ANA, bsuid=None)
PNG = b"\x89PNG not really"
NAMED = {
    "name": "boas_vindas",
    "language": "pt_BR",
    "category": "UTILITY",
    "parameter_format": "NAMED",
    "components": [{"type": "BODY", "text": "Olá, {{nome}}! Seu pedido {{pedido}} saiu."}],
}
POSITIONAL = {
    "name": "lembrete",
    "language": "pt_BR",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "{{1}}, sua visita é {{2}}."}],
}
PLAIN = {"language": "pt_BR", "category": "UTILITY", "components": [{"type": "BODY", "text": "Sua visita é amanhã."}]}
WITH_IMAGE = {
    "name": "novidade",
    "language": "pt_BR",
    "category": "MARKETING",
    "components": [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Chegou."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Ver", "url": "https://example.org/{{1}}"}]},
    ],
}


@pytest.fixture(scope="module")
def running():
    with running_standin() as standin:
        yield standin


@pytest.fixture
def standin(running):
    """A number, alone in its account, that is sent no webhooks."""
    running.connect(NUMBER, cast=True, statuses=False, throughput=1000)
    running.connect(OTHER, waba_id="402277183300915", wa_id="556155550199", statuses=False)
    running.clear_faults(NUMBER)
    running.latency(NUMBER, 0)
    return running


@pytest.fixture
def graph(standin):
    with Connections() as connections:
        yield Graph(url=standin.url, version="v25.0", token=TOKEN, app_secret=SECRET, connections=connections)


def ask(standin, method, path, *, token=TOKEN, version="v25.0", **options):
    headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
    return requests.request(method, f"{standin.url}/{version}/{path}", headers=headers, timeout=30, **options)


def send(standin, body, **options):
    return ask(standin, "POST", f"{NUMBER}/messages", json=body, **options)


def text_to(to=f"+{ANA}", **more):
    return {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "olá"}} | more


def code_of(answer):
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode")


def template(name, *parameters, language="pt_BR", **more):
    body = {"type": "body", "parameters": list(parameters)}
    return text_to(type="template", template={"name": name, "language": {"code": language}, "components": [body]} | more)


def words(value, **more):
    return {"type": "text", "text": value} | more


# Sending


def test_message_is_accepted_and_stored_unchanged(standin, graph) -> None:
    before = time.time()
    sent = graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data="out:1", reply_to="wamid.Q")
    assert sent.wamid.startswith("wamid.")
    assert (sent.wa_id, sent.user_id, sent.message_status) == (ANA, None, None)
    kept = standin.sent(NUMBER)[-1]
    assert kept["wamid"] == sent.wamid
    assert kept["callback_data"] == "out:1"
    assert before <= kept["at"] <= time.time()
    assert kept["request"]["text"]["body"] == "olá"
    assert kept["request"]["context"] == {"message_id": "wamid.Q"}


def test_each_message_has_an_id_of_its_own(standin, graph) -> None:
    wamids = {graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data=str(n)).wamid for n in range(20)}
    assert len(wamids) == 20


def test_a_person_without_a_phone_is_named_by_the_bsuid(graph) -> None:
    sent = graph.send(NUMBER, to=Recipient(None, "BR.1000000000000004"), message=messages.text("olá"), callback_data="b")
    assert (sent.wa_id, sent.user_id) == (None, "BR.1000000000000004")


@pytest.mark.parametrize(
    ("typed", "wa_id"),
    [
        ("+55 61 9 9555-0186", ANA),
        ("+5561990000444", "556190000444"),
        ("+5511955550142", "5511955550142"),
        ("+525555550173", "5215555550173"),
    ],
)
def test_whatsapp_has_its_own_idea_of_a_number(standin, typed, wa_id) -> None:
    contact = send(standin, text_to(typed)).json()["contacts"][0]
    assert contact == {"input": typed, "wa_id": wa_id}


def test_only_what_is_new_is_listed_after_a_revision(standin, graph) -> None:
    graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data="old")
    last = standin.sent(NUMBER)[-1]["seq"]
    graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data="new")
    assert [each["callback_data"] for each in standin.sent(NUMBER, after=last)] == ["new"]


CHOICES = [messages.Choice("a", "Sim"), messages.Choice("b", "Não")]


@pytest.mark.parametrize(
    "message",
    [
        messages.media("image", link="https://example.org/a.png", caption="foto"),
        messages.location(-15.8, -47.9, name="Portaria"),
        messages.contacts([{"name": {"formatted_name": "Joelma", "first_name": "Joelma"}}]),
        messages.reaction("wamid.X", "👍"),
        messages.reaction("wamid.X", ""),
        messages.buttons("Confirma?", CHOICES, header="Visita", footer="Aroeira"),
        messages.list_message("Quando?", "Ver", [messages.Section("Manhã", CHOICES)]),
        messages.cta_url("Veja", "Abrir", "https://example.org"),
        messages.flow("Conte", cta="Abrir", token="t", flow_id="77"),
        messages.location_request("Onde?"),
        messages.contact_request("Seu número?"),
    ],
    ids=lambda message: message.get("interactive", message)["type"],
)
def test_every_kind_of_the_hubs_messages_is_accepted(graph, message) -> None:
    assert graph.send(NUMBER, to=TO, message=message, callback_data="k").wamid


BUTTON = {"type": "reply", "reply": {"id": "a", "title": "Sim"}}
ROW = {"id": "a", "title": "Sim"}


def buttons(*each, **more):
    content = {"type": "button", "body": {"text": "?"}, "action": {"buttons": list(each)}} | more
    return text_to(type="interactive", interactive=content)


def listed(*sections, button="Ver"):
    content = {"type": "list", "body": {"text": "?"}, "action": {"button": button, "sections": list(sections)}}
    return text_to(type="interactive", interactive=content)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 100),
        (text_to(messaging_product="sms"), 100),
        (text_to(type="poll"), 100),
        (text_to(type=["text"]), 100),
        (text_to(recipient_type="group"), 131009),
        (text_to(""), 131008),
        (text_to("five"), 131009),
        (text_to("", recipient="no bsuid"), 131009),
        (text_to("+556155550100"), 131021),
        (text_to(text={}), 131008),
        (text_to(text={"body": ""}), 131008),
        (text_to(text={"body": 5}), 131009),
        (text_to(text={"body": "x" * 4097}), 100),
        (text_to(biz_opaque_callback_data="x" * 513), 131009),
        (text_to(context={}), 131008),
        (text_to(type="image"), 131008),
        (text_to(type="image", image={"caption": "x"}), 131008),
        (text_to(type="image", image={"id": "404"}), 131009),
        (text_to(type="image", image={"link": "file:///etc/passwd"}), 131009),
        (text_to(type="image", image={"link": "https://example.org/a", "caption": "x" * 1025}), 131009),
        (text_to(type="audio", audio={"link": "https://example.org/a", "caption": "x"}), 100),
        (text_to(type="location", location={"latitude": 1}), 131008),
        (text_to(type="location", location={"latitude": 91, "longitude": 1}), 131009),
        (text_to(type="location", location={"latitude": "nan", "longitude": 1}), 131009),
        (text_to(type="contacts", contacts=[]), 131008),
        (text_to(type="contacts", contacts=[{"name": {"formatted_name": "Joelma"}}]), 131008),
        (text_to(type="reaction", reaction={"message_id": "wamid.X"}), 131008),
        (text_to(type="reaction", reaction={"message_id": "wamid.X", "emoji": 1}), 131009),
        (text_to(type="reaction", reaction={"message_id": "w", "emoji": "👍"}, context={"message_id": "w"}), 100),
        (text_to(type="interactive", interactive={"type": "poll"}), 100),
        (text_to(type="interactive", interactive={"type": "button", "body": {"text": "?"}}), 131008),
        (buttons(), 131008),
        (buttons(*[{"reply": {"id": str(n), "title": str(n)}} for n in range(4)]), 131009),
        (buttons(BUTTON, BUTTON), 131009),
        (buttons({"reply": {"id": "a", "title": "x" * 21}}), 131009),
        (buttons(BUTTON, footer={"text": "x" * 61}), 131009),
        (buttons(BUTTON, header={"type": "audio"}), 131009),
        (buttons(BUTTON, header={"type": "text", "text": "x" * 61}), 131009),
        (listed(), 131008),
        (listed({"rows": []}), 131008),
        (listed({"rows": [ROW, ROW]}), 131009),
        (listed({"rows": [{"id": str(n), "title": "x"} for n in range(11)]}), 131009),
        (listed({"rows": [ROW]}, {"rows": [{"id": "b", "title": "x"}]}), 131008),
        (listed({"rows": [ROW]}, button="x" * 21), 131009),
    ],
)
def test_a_wrong_message_is_refused_with_metas_code_and_not_kept(standin, body, code) -> None:
    before = len(standin.sent(NUMBER))
    assert code_of(send(standin, body)) == (400, code, None)
    assert len(standin.sent(NUMBER)) == before


def test_a_refusal_has_metas_shape(standin) -> None:
    error = send(standin, text_to(text={})).json()["error"]
    trace = error.pop("fbtrace_id")
    assert trace
    assert error == {
        "message": "(#131008) Required parameter is missing",
        "type": "OAuthException",
        "code": 131008,
        "error_data": {"messaging_product": "whatsapp", "details": "Required parameter is missing: text"},
    }


def test_more_than_the_throughput_is_refused(standin) -> None:
    standin.connect(OTHER, waba_id="402277183300915", wa_id="556155550199", statuses=False, throughput=2)
    codes = []
    for _ in range(4):
        answer = ask(standin, "POST", f"{OTHER}/messages", token=f"token-of-{OTHER}", json=text_to())
        codes.append(answer.json().get("error", {}).get("code"))
    assert codes == [None, None, 130429, 130429]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(["text", "image", "location", "contacts", "reaction", "template", "interactive", "sticker"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=kinds, content=json_values, more=st.dictionaries(st.sampled_from(["to", "recipient", "context", "status"]), json_values)
)
def test_no_message_whatever_it_says_breaks_it(standin, kind, content, more) -> None:
    answer = send(standin, text_to(type=kind) | {kind: content} | more)
    assert answer.status_code in (200, 400, 404)
    assert "messages" in answer.json() or "success" in answer.json() or answer.json()["error"]["code"]


# Read receipts


def test_what_the_business_read_shows_on_the_phone(standin, graph) -> None:
    first = standin.send_from_customer(NUMBER, ANA, "oi")
    second = standin.send_from_customer(NUMBER, ANA, "tudo bem?")
    third = standin.send_from_customer(NUMBER, ANA, "alô?")
    graph.mark_read(NUMBER, second["wamid"], typing=True)
    states = {each["wamid"]: each["status"] for each in standin.messages(NUMBER, ANA)}
    assert [states[each["wamid"]] for each in (first, second, third)] == ["read", "read", "sent"]
    receipt = standin.receipts(NUMBER)[-1]
    assert (receipt["message_id"], receipt["typing"]) == (second["wamid"], True)
    assert standin.calls(NUMBER)["POST read"] >= 1


@pytest.mark.parametrize(("wamid", "code"), [("", 131008), ("other", 131009), ("wamid.unknown", 131009)])
def test_what_is_no_message_cannot_be_read(standin, wamid, code) -> None:
    before = standin.receipts(NUMBER)
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    assert code_of(send(standin, body)) == (400, code, None)
    assert standin.receipts(NUMBER) == before


def test_a_message_of_the_business_itself_cannot_be_read(graph) -> None:
    sent = graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data="own")
    with pytest.raises(GraphError) as refused:
        graph.mark_read(NUMBER, sent.wamid)
    assert refused.value.code == 131009


# Who may ask


@pytest.mark.parametrize("token", ["", "wrong", f"token-of-{OTHER}é".encode().decode("latin-1")])
def test_an_unknown_token_is_refused(standin, token) -> None:
    assert code_of(send(standin, text_to(), token=token)) == (401, 190, 463)


def test_a_wrong_proof_is_refused(standin) -> None:
    answer = send(standin, text_to(), params={"appsecret_proof": "0" * 64})
    assert code_of(answer) == (400, 100, None)
    assert "Invalid appsecret_proof provided in the API argument" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "404"),
        ("GET", OTHER),
        ("POST", f"{OTHER}/messages"),
        ("GET", f"{NUMBER}/messages"),
        ("PUT", f"{NUMBER}/messages"),
        ("DELETE", NUMBER),
        ("GET", f"{NUMBER}/nothing"),
        ("POST", WABA),
        ("GET", "402277183300915/message_templates"),
    ],
)
def test_what_does_not_exist_or_is_anothers_is_refused_alike(standin, method, path) -> None:
    answer = ask(standin, method, path)
    assert code_of(answer) == (400, 100, 33)
    assert answer.json()["error"]["type"] == "GraphMethodException"


def test_another_numbers_file_is_not_there(standin) -> None:
    theirs = standin.upload(OTHER, PNG, mime_type="image/png")
    assert code_of(ask(standin, "GET", theirs)) == (400, 100, 33)
    assert code_of(send(standin, text_to(type="image", image={"id": theirs}))) == (400, 131009, None)


def test_any_version_will_do(standin) -> None:
    assert ask(standin, "GET", NUMBER, version="v26.0").json()["id"] == NUMBER
    assert ask(standin, "GET", NUMBER, version="latest").status_code == 404


# What is no proper request


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=["torn", "list", "text", "bytes", "nan", "infinite", "deep", "long number"],
)
def test_a_body_that_is_no_json_object_is_refused(standin, body) -> None:
    answer = ask(standin, "POST", f"{NUMBER}/messages", data=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) == (400, 100, None)


def test_a_huge_body_is_refused(standin) -> None:
    answer = ask(standin, "POST", f"{NUMBER}/messages", data=b" " * 2**21)
    assert code_of(answer) == (413, 100, None)


@pytest.mark.parametrize("path", ["v25.0", "v25.0/1/2/3", "", "nothing", "files/1", "files/1?ext=1&hash=é", "%00%ff/%2e%2e"])
def test_no_address_breaks_it(standin, path) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = requests.request(method, f"{standin.url}/{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        assert 400 <= answer.status_code < 500


# Files


def test_a_file_comes_back_as_it_was(graph) -> None:
    media_id = graph.upload(NUMBER, io.BytesIO(PNG), name="São João.png", mime_type="image/png")
    found = graph.media(media_id, phone_number_id=NUMBER)
    assert (found.mime_type, found.file_size, found.sha256) == ("image/png", len(PNG), hashlib.sha256(PNG).hexdigest())
    got = io.BytesIO()
    graph.download(found.url, got, most=1000)
    assert got.getvalue() == PNG


def test_a_file_may_hold_anything(graph) -> None:
    content = b"\r\n--" + bytes(range(256)) * 300 + b"\r\n"
    media_id = graph.upload(NUMBER, io.BytesIO(content), name="a.pdf", mime_type="application/pdf")
    got = io.BytesIO()
    graph.download(graph.media(media_id).url, got, most=10**6)
    assert got.getvalue() == content


def test_sent_file_is_contained_in_the_message(standin, graph) -> None:
    media_id = graph.upload(NUMBER, io.BytesIO(PNG), name="a.png", mime_type="image/png")
    graph.send(NUMBER, to=TO, message=messages.media("image", media_id=media_id), callback_data="m")
    assert standin.messages(NUMBER, ANA)[-1]["media"] == {"id": media_id, "mime_type": "image/png", "name": "a.png"}


def test_a_deleted_file_is_gone(graph) -> None:
    media_id = graph.upload(NUMBER, io.BytesIO(PNG), name="a.png", mime_type="image/png")
    url = graph.media(media_id).url
    graph.delete_media(media_id)
    with pytest.raises(GraphError) as refused:
        graph.media(media_id)
    assert (refused.value.code, refused.value.subcode) == (100, 33)
    with pytest.raises(GraphError) as refused:
        graph.download(url, io.BytesIO(), most=1000)
    assert refused.value.http_status == 404


def test_the_address_of_a_file_needs_the_token(standin, graph) -> None:
    url = graph.media(graph.upload(NUMBER, io.BytesIO(PNG), name="a.png", mime_type="image/png")).url
    assert requests.get(url, timeout=30).status_code == 401
    theirs = {"Authorization": f"Bearer token-of-{OTHER}"}
    assert requests.get(url, headers=theirs, timeout=30).status_code == 404
    ours = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.get(url[:-1] + "x", headers=ours, timeout=30).status_code == 404
    assert requests.get(url, headers=ours, timeout=30).content == PNG


def test_url_of_a_file_is_valid_for_five_minutes() -> None:
    clock = SimpleNamespace(time=1_795_003_200.0)
    with running_standin(now=lambda: clock.time) as standin, Connections() as connections:
        standin.connect(NUMBER)
        graph = Graph(url=standin.url, version="v25.0", token=TOKEN, connections=connections)
        url = graph.media(graph.upload(NUMBER, io.BytesIO(PNG), name="a.png", mime_type="image/png")).url
        clock.time += 299
        graph.download(url, io.BytesIO(), most=1000)
        clock.time += 2
        with pytest.raises(GraphError) as refused:
            graph.download(url, io.BytesIO(), most=1000)
    assert refused.value.http_status == 404


@pytest.mark.parametrize(
    ("mime_type", "size", "code"),
    [("image/gif", 10, 100), ("", 10, 100), ("video/mp4", 16 * 2**20 + 1, 131053), ("image/png", 0, 131053)],
)
def test_a_file_that_no_message_can_carry_is_refused(graph, mime_type, size, code) -> None:
    with pytest.raises(GraphError) as refused:
        graph.upload(NUMBER, io.BytesIO(b"x" * size), name="a", mime_type=mime_type)
    assert refused.value.code == code


def test_a_file_of_another_kind_than_the_message_is_refused(graph) -> None:
    media_id = graph.upload(NUMBER, io.BytesIO(b"%PDF"), name="a.pdf", mime_type="application/pdf")
    with pytest.raises(GraphError) as refused:
        graph.send(NUMBER, to=TO, message=messages.media("image", media_id=media_id), callback_data="m")
    assert refused.value.code == 131053


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nnothing\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--x--'),
    ],
)
def test_a_form_that_is_none_is_refused(standin, content_type, body) -> None:
    answer = ask(standin, "POST", f"{NUMBER}/media", data=body, headers={"Content-Type": content_type})
    assert code_of(answer) == (400, 100, None)


# Message templates


@pytest.fixture
def templates(standin):
    for definition in (NAMED, POSITIONAL, WITH_IMAGE):
        standin.add_template(NUMBER, definition)
    return standin


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (template("nothing"), (404, 132001)),
        (template("lembrete", language="en"), (404, 132001)),
        (template("lembrete", words("Ana")), (400, 132000)),
        (template("lembrete", words("Ana"), words("")), (400, 131008)),
        (template("boas_vindas", words("Ana", parameter_name="nome")), (400, 132000)),
        (template("boas_vindas", words("a", parameter_name="nome"), words("b", parameter_name="x")), (400, 132012)),
        (template("boas_vindas", words("a"), words("b")), (400, 132012)),
        (template("novidade"), (400, 132012)),
        (text_to(type="template", template={"name": "lembrete"}), (400, 131008)),
        (text_to(type="template", template={"language": {"code": "pt_BR"}}), (400, 131008)),
    ],
)
def test_a_template_that_is_not_filled_right_is_refused(templates, body, code) -> None:
    assert code_of(send(templates, body))[:2] == code


@pytest.mark.parametrize(
    "body",
    [
        template("lembrete", words("Ana"), words("amanhã")),
        template("boas_vindas", words("12", parameter_name="pedido"), words("Ana", parameter_name="nome")),
    ],
)
def test_a_template_filled_right_is_accepted(templates, body) -> None:
    assert send(templates, body).json()["messages"][0]["message_status"] == "accepted"


def test_a_picture_and_a_button_of_a_template_are_filled_too(templates) -> None:
    picture = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://example.org/a.png"}}]}
    button = {"type": "button", "sub_type": "url", "index": "0", "parameters": [words("oferta")]}
    assert code_of(send(templates, template("novidade", components=[picture])))[1] == 131008
    assert code_of(send(templates, template("novidade", components=[picture, button | {"index": "1"}])))[1] == 131009
    assert send(templates, template("novidade", components=[picture, button])).status_code == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [("PAUSED", (400, 132015)), ("DISABLED", (400, 132016)), ("PENDING", (404, 132001)), ("REJECTED", (404, 132001))],
)
def test_a_template_that_is_not_approved_cannot_be_sent(standin, status, code) -> None:
    standin.add_template(NUMBER, POSITIONAL | {"name": f"is_{status.lower()}"}, status=status)
    assert code_of(send(standin, template(f"is_{status.lower()}", words("a"), words("b"))))[:2] == code


def test_templates_are_listed_page_by_page(standin, graph) -> None:
    for number in range(5):
        standin.add_template(NUMBER, POSITIONAL | {"name": f"page_{number}"})
    listed, after = [], None
    while True:
        parameters = {"limit": 2, "fields": "name", **({"after": after} if after else {})}
        page = ask(standin, "GET", f"{WABA}/message_templates", params=parameters).json()
        listed += [each["name"] for each in page["data"]]
        assert len(page["data"]) <= 2
        if "next" not in page["paging"]:
            break
        after = page["paging"]["cursors"]["after"]
    assert listed == sorted(listed) == [each["name"] for each in graph.templates(WABA)]
    assert {f"page_{number}" for number in range(5)} <= set(listed)


@pytest.mark.parametrize("parameters", [{"limit": "0"}, {"limit": "x"}, {"limit": "99999999"}, {"after": "?"}, {"after": "é"}])
def test_a_page_that_is_none_is_refused(standin, parameters) -> None:
    assert code_of(ask(standin, "GET", f"{WABA}/message_templates", params=parameters)) == (400, 100, None)


def test_a_template_is_there_once_for_each_language(graph) -> None:
    graph.create_template(WABA, PLAIN | {"name": "uma_vez"})
    graph.create_template(WABA, PLAIN | {"name": "uma_vez", "language": "en"})
    with pytest.raises(GraphError) as refused:
        graph.create_template(WABA, PLAIN | {"name": "uma_vez"})
    assert (refused.value.code, refused.value.subcode) == (100, 2388024)


@pytest.mark.parametrize(
    "components",
    [
        [{"type": "HEADER", "format": "TEXT", "text": "Boa notícia 😀"}, *PLAIN["components"]],
        [*PLAIN["components"], {"type": "FOOTER", "text": "a\nb"}],
        [*PLAIN["components"], {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "*Sim*"}]}],
        [*PLAIN["components"], {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "A" * 16}]}],
        [{"type": "BODY", "text": "Olá {{1}}, sua visita é amanhã."}],
    ],
)
def test_what_the_form_for_a_template_refuses_meta_refuses_too(graph, components) -> None:
    with pytest.raises(GraphError) as refused:
        graph.create_template(WABA, PLAIN | {"name": "recusado", "components": components})
    assert refused.value.code == 100


@pytest.mark.parametrize(
    "wrong", [{"name": "Não"}, {"language": "x"}, {"category": "SPAM"}, {"components": []}, {"components": [{"type": "BODY"}]}]
)
def test_a_template_that_meta_would_not_look_at_is_refused(graph, wrong) -> None:
    with pytest.raises(GraphError) as refused:
        graph.create_template(WABA, PLAIN | {"name": "novo"} | wrong)
    assert (refused.value.code, refused.value.subcode) == (100, None)


def test_the_quality_of_a_template_has_its_date(graph) -> None:
    before = int(time.time())
    graph.create_template(WABA, PLAIN | {"name": "com_data"})
    (told,) = [each for each in graph.templates(WABA) if each["name"] == "com_data"]
    assert told["quality_score"]["score"] == "UNKNOWN"
    assert before <= told["quality_score"]["date"] <= time.time()


def test_templates_are_deleted_by_name_or_one_by_one(standin, graph) -> None:
    ids = [standin.add_template(NUMBER, POSITIONAL | {"name": "velho", "language": each})["id"] for each in ("pt_BR", "en", "es")]
    graph.delete_template(WABA, "velho", template_id=ids[0])
    assert {each["language"] for each in graph.templates(WABA) if each["name"] == "velho"} == {"en", "es"}
    graph.delete_template(WABA, "velho")
    assert "velho" not in {each["name"] for each in graph.templates(WABA)}
    with pytest.raises(GraphError) as refused:
        graph.delete_template(WABA, "velho")
    assert refused.value.code == 100


# The business profile


def test_a_profile_is_read_as_it_was_written(graph) -> None:
    profile = {
        "about": "Flores 🌸",
        "address": "SQS 308",
        "description": "Arranjos",
        "email": "oi@example.com",
        "vertical": "RETAIL",
    }
    graph.change_business_profile(NUMBER, profile | {"websites": ["https://example.org/"]})
    graph.change_business_profile(NUMBER, {"address": "SQN 102", "description": ""})
    found = graph.business_profile(NUMBER)
    assert (found.about, found.address, found.description) == ("Flores 🌸", "SQN 102", "")
    assert (found.email, found.vertical, found.websites) == ("oi@example.com", "RETAIL", ["https://example.org/"])


def test_a_picture_goes_into_the_profile_by_its_handle(graph) -> None:
    handle = graph.upload_picture(PNG, mime_type="image/png")
    graph.change_business_profile(NUMBER, {"profile_picture_handle": handle})
    got = io.BytesIO()
    graph.download(graph.business_profile(NUMBER).picture_url, got, most=1000)
    assert got.getvalue() == PNG


def profile_without_expiry(graph):
    """The query of the picture's URL contains the second at which the URL expires."""
    profile = graph.business_profile(NUMBER)
    return replace(profile, picture_url=profile.picture_url.partition("?")[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"about": ""},
        {"about": "x" * 140},
        {"address": "x" * 257},
        {"description": "x" * 513},
        {"email": "nobody"},
        {"email": "a@example." + "x" * 120},
        {"vertical": "FLOWERS"},
        {"websites": ["https://a.example"] * 3},
        {"websites": ["a.example"]},
        {"websites": ["https://" + "a" * 250]},
        {"profile_picture_handle": "4:none"},
    ],
)
def test_a_wrong_profile_is_refused_and_not_kept(graph, wrong) -> None:
    before = profile_without_expiry(graph)
    with pytest.raises(GraphError) as refused:
        graph.change_business_profile(NUMBER, wrong)
    assert refused.value.code in (100, 131008, 131009)
    assert profile_without_expiry(graph) == before


@pytest.mark.parametrize(("mime_type", "size"), [("image/gif", 10), ("image/png", 0), ("image/png", 5 * 2**20 + 1)])
def test_a_picture_that_no_profile_takes_is_refused(graph, mime_type, size) -> None:
    with pytest.raises(GraphError) as refused:
        graph.upload_picture(b"x" * size, mime_type=mime_type)
    assert refused.value.code == 100


def test_an_upload_session_is_used_once_and_whole(standin) -> None:
    begun = ask(standin, "POST", "app/uploads", params={"file_length": "4", "file_type": "image/png"}).json()["id"]
    headers = {"Authorization": f"OAuth {TOKEN}", "file_offset": "0"}
    assert code_of(ask(standin, "POST", begun, data=b"abc", headers=headers)) == (400, 100, None)
    assert code_of(ask(standin, "POST", begun, data=b"abcd", headers=headers)) == (400, 100, 33)
    assert code_of(ask(standin, "POST", begun, data=b"abcd", token="wrong")) == (401, 190, 463)


# Numbers and accounts


def test_numbers_and_accounts_have_their_fields(graph) -> None:
    assert graph.number(NUMBER)["health_status"]["can_send_message"] == "AVAILABLE"
    assert [each["id"] for each in graph.numbers(WABA)] == [NUMBER]
    assert graph.account(WABA)["account_review_status"] == "APPROVED"


def test_only_requested_fields_are_returned(standin) -> None:
    answer = ask(standin, "GET", NUMBER, params={"fields": "verified_name,throughput,nothing"})
    assert set(answer.json()) == {"id", "verified_name", "throughput"}


def test_calls_are_counted(standin, graph) -> None:
    before = standin.calls(NUMBER)
    graph.number(NUMBER)
    graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data="c")
    after = standin.calls(NUMBER)
    assert {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)} == {
        "GET number": 1,
        "POST messages": 1,
    }


# What goes wrong on purpose


@pytest.fixture
def faulty(standin):
    """Sends one message while the fault is on: the answer, and how many messages were kept."""

    def try_it(kind, **more):
        before = len(standin.sent(NUMBER))
        standin.fault(NUMBER, kind, times=1, **more)
        answer = send(standin, text_to())
        assert standin.number(NUMBER)["faults"] == []
        return answer, len(standin.sent(NUMBER)) - before

    return try_it


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("130429", 400, 130429),
        ("131056", 400, 131056),
        ("131047", 400, 131047),
        ("190", 401, 190),
        ("error:131016", 500, 131016),
        ("error:80007", 400, 80007),
    ],
)
def test_a_refusal_on_purpose_is_metas_and_nothing_is_kept(faulty, kind, status, code) -> None:
    answer, kept = faulty(kind)
    assert (answer.status_code, answer.json()["error"]["code"], kept) == (status, code, 0)


@pytest.mark.parametrize("kind", ["429", "500"])
def test_an_answer_without_a_code_on_purpose(faulty, kind) -> None:
    answer, kept = faulty(kind)
    assert (answer.status_code, kept) == (int(kind), 0)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_slow_answer_comes_late(faulty) -> None:
    began = time.monotonic()
    answer, kept = faulty("slow", seconds=0.3)
    assert (answer.status_code, kept) == (200, 1)
    assert time.monotonic() - began >= 0.3


def test_message_is_accepted_although_the_response_breaks_off(standin) -> None:
    before = len(standin.sent(NUMBER))
    standin.fault(NUMBER, "half_closed", times=1)
    connection = http.client.HTTPConnection(standin.url.removeprefix("http://"), timeout=10)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request("POST", f"/v25.0/{NUMBER}/messages", json.dumps(text_to()), headers)
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as torn:
        answer.read()
    connection.close()
    assert answer.status == 200
    assert 0 < len(torn.value.partial) < int(answer.headers["Content-Length"])
    assert len(standin.sent(NUMBER)) == before + 1


def test_message_is_accepted_although_there_is_no_response(standin) -> None:
    before = len(standin.sent(NUMBER))
    standin.fault(NUMBER, "no_answer", times=1)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{standin.url}/v25.0/{NUMBER}/messages", json=text_to(), headers={"Authorization": f"Bearer {TOKEN}"}, timeout=0.3
        )
    assert len(standin.sent(NUMBER)) == before + 1


def test_held_requests_end_with_the_process() -> None:
    with running_standin() as standin:
        standin.connect(NUMBER, cast=True)
        standin.fault(NUMBER, "no_answer")
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                f"{standin.url}/v25.0/{NUMBER}/messages", json=text_to(), headers={"Authorization": f"Bearer {TOKEN}"}, timeout=0.2
            )
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_fault_applies_the_given_number_of_times_and_others_follow(standin) -> None:
    standin.fault(NUMBER, "131056", times=2)
    standin.fault(NUMBER, "131016")
    codes = [send(standin, text_to()).json()["error"]["code"] for _ in range(4)]
    assert codes == [131056, 131056, 131016, 131016]
    standin.clear_faults(NUMBER)
    assert send(standin, text_to()).status_code == 200


def test_a_fault_is_of_the_call_it_was_set_for(standin, graph) -> None:
    standin.fault(NUMBER, "error:131053", on="POST media")
    graph.send(NUMBER, to=TO, message=messages.text("olá"), callback_data="f")
    with pytest.raises(GraphError) as refused:
        graph.upload(NUMBER, io.BytesIO(PNG), name="a.png", mime_type="image/png")
    assert refused.value.code == 131053
    standin.clear_faults(NUMBER)
    standin.fault(NUMBER, "190", on="*")
    with pytest.raises(GraphError) as refused:
        graph.number(NUMBER)
    assert refused.value.code == 190


def test_every_response_has_the_given_latency(standin) -> None:
    standin.latency(NUMBER, 0.2)
    began = time.monotonic()
    send(standin, text_to())
    assert time.monotonic() - began >= 0.2


# Webhook addresses (docs/meta-platform.md 1.6)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_an_address_is_overridden_only_after_it_has_shaken_hands(standin, graph, receiver) -> None:
    with pytest.raises(GraphError) as refused:
        graph.override_callback(NUMBER, callback_url=f"{receiver.url}/new/", verify_token="wrong")
    assert (refused.value.code, refused.value.subcode) == (100, 2200)
    graph.override_callback(NUMBER, callback_url=f"{receiver.url}/new/", verify_token=receiver.verify_token)
    assert graph.number(NUMBER)["webhook_configuration"]["phone_number"] == f"{receiver.url}/new/"
    assert standin.send_from_customer(NUMBER, ANA, "oi")["delivered"]
    assert receiver.paths == ["/new/"]
    graph.override_callback(NUMBER, callback_url="", verify_token="")
    assert graph.number(NUMBER)["webhook_configuration"] == {}


@pytest.mark.parametrize("url", ["ftp://example.org", "https://example.org/" + "x" * 200, "http://127.0.0.1:9/"])
def test_invalid_callback_url_is_refused(graph, url) -> None:
    with pytest.raises(GraphError) as refused:
        graph.override_callback(NUMBER, callback_url=url, verify_token="x")
    assert refused.value.code == 100


def test_an_account_is_subscribed_and_not(standin, graph, receiver) -> None:
    standin.connect(NUMBER, webhook_url=f"{receiver.url}/own/", statuses=False)
    graph.subscribe_app(WABA, callback_url=f"{receiver.url}/account/", verify_token=receiver.verify_token)
    assert graph.subscribed_apps(WABA)[0]["override_callback_uri"] == f"{receiver.url}/account/"
    standin.send_from_customer(NUMBER, ANA, "oi")
    graph.subscribe_app(WABA)
    standin.send_from_customer(NUMBER, ANA, "oi")
    assert ask(standin, "DELETE", f"{WABA}/subscribed_apps").json() == {"success": True}
    assert graph.subscribed_apps(WABA) == []
    assert not standin.send_from_customer(NUMBER, ANA, "oi")["delivered"]
    graph.subscribe_app(WABA)
    assert receiver.paths == ["/account/", "/own/"]
