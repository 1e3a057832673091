"""What customers send in ways that are seldom, and why messages failed, as a conversation shows it."""

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.models import Attachment, Message, MessageTemplate
from chats.models.files import DownloadProblem
from contacts.models import Contact
from organizations.models import Membership, Organization, Role, User
from webhooks.tests.bodies import ANA, body, echo_body, status_body, value


@pytest.fixture
def client(organization: Organization) -> Client:
    user = User.objects.create_user("rita@example.com", language="en")
    Membership.objects.create(organization=organization, user=user, role=Role.USER)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def conversation(client: Client, organization: Organization) -> Any:
    def show(**asked: Any) -> str:
        contact = Contact.objects.get(wa_id=ANA)
        return client.get(reverse("conversation", args=[organization.pk, contact.pk]), asked).content.decode()

    return show


def now() -> int:
    return int(timezone.now().timestamp())


def customer(wamid: str = "wamid.1", **content: Any) -> bytes:
    told = {"from": ANA, "id": wamid, "timestamp": str(now() - 60), **content}
    return body(value(contacts=[{"wa_id": ANA, "profile": {"name": "Ana"}}], messages=[told]))


def form(**answers: Any) -> bytes:
    reply = {"name": "flow", "body": "Sent", "response_json": json.dumps({"flow_token": "t", **answers})}
    return customer(type="interactive", interactive={"type": "nfm_reply", "nfm_reply": reply})


PHOTO = {"id": "790000000000001", "mime_type": "image/jpeg", "sha256": "k1", "file_name": "IMG_1.jpg"}
REPORT = {"id": "790000000000002", "mime_type": "application/pdf", "sha256": "k2", "file_name": "laudo.pdf"}


def test_the_files_in_a_form_are_fetched_and_named(post_and_apply, conversation) -> None:
    post_and_apply(form(descricao="telha quebrada", fotos=[PHOTO, REPORT]))
    files = Attachment.objects.order_by("position").values_list("media_id", "kind", "file_name", "mime_type")
    assert list(files) == [
        ("790000000000001", "image", "IMG_1.jpg", "image/jpeg"),
        ("790000000000002", "document", "laudo.pdf", "application/pdf"),
    ]
    page = conversation()
    assert "telha quebrada" in page
    assert page.count("laudo.pdf") >= 2
    assert "790000000000001" not in page


def test_each_file_of_a_form_has_its_own_address(post_and_apply, client, organization) -> None:
    post_and_apply(form(fotos=[PHOTO, REPORT]))
    sent = Message.objects.get()
    for file in Attachment.objects.all():
        file.file.save("stored", ContentFile(f"file {file.position}".encode()))
    at = reverse("message_file", args=[organization.pk, sent.contact_id, sent.pk])
    assert b"".join(client.get(at)) == b"file 0"
    assert b"".join(client.get(at, {"position": "1"})) == b"file 1"
    for wrong in ("2", "x", "-1", "1" * 30):
        assert client.get(at, {"position": wrong}).status_code == 404


def test_a_form_told_twice_has_its_files_once(post_and_apply) -> None:
    post_and_apply(form(fotos=[PHOTO, REPORT]), form(fotos=[PHOTO, REPORT]))
    assert Attachment.objects.count() == 2


def test_the_product_that_somebody_asks_about_is_shown(post_and_apply, conversation) -> None:
    product = {"catalog_id": "1", "product_retailer_id": "SKU-9"}
    post_and_apply(
        customer(type="text", text={"body": "ainda tem?"}, context={"from": "1", "id": "wamid.x", "referred_product": product})
    )
    page = conversation()
    assert "SKU-9" in page
    assert "a message that is not here" not in page


@pytest.mark.parametrize("code", [131060, "131060"])
def test_a_message_that_is_not_passed_on_is_said_in_the_catalogue_s_words(post_and_apply, conversation, code) -> None:
    error = {
        "code": code,
        "title": "This message is unavailable",
        "error_data": {"details": "This message is currently unavailable."},
    }
    post_and_apply(customer(type="unsupported", unsupported={"type": "errors"}, errors=[error]))
    page = conversation()
    assert "WhatsApp did not pass on the content of this message." in page
    assert '<q lang="en" dir="ltr">This message is currently unavailable.</q>' in page


@pytest.mark.parametrize(
    ("details", "problem"),
    [
        ("Media file size too big. Max: 100 MB.", DownloadProblem.TOO_BIG),
        ("Failed to download the media.", DownloadProblem.REFUSED),
        ("", DownloadProblem.REFUSED),
    ],
)
def test_a_file_that_meta_does_not_have_is_too_big_only_if_meta_says_so(post_and_apply, conversation, details, problem) -> None:
    error = {"code": "131052", "title": "Media download error", "error_data": {"details": details}}
    post_and_apply(customer(type="unsupported", unsupported={"type": "media_placeholder"}, errors=[error]))
    assert Attachment.objects.get().problem == problem
    assert ("could not be fetched" in conversation()) is (problem == DownloadProblem.REFUSED)


def test_a_missed_call_is_a_line_in_the_conversation(post_and_apply, conversation) -> None:
    call = {"id": "wacid.1", "from": ANA, "timestamp": str(now()), "direction": "USER_INITIATED"}
    begun, missed = call | {"event": "connect"}, call | {"event": "terminate", "status": "FAILED", "timestamp": str(now() + 20)}
    post_and_apply(body(value(calls=[missed]), field="calls"))
    assert "Missed call" in conversation()
    post_and_apply(body(value(calls=[begun]), field="calls"), body(value(calls=[missed]), field="calls"))
    (row,) = Message.objects.all()
    assert (row.content, int(row.create_in.timestamp())) == ("missed call", int(call["timestamp"]))
    assert Contact.objects.get().unread_count == 1


def test_whoever_writes_a_word_that_the_hub_uses_itself_is_shown_as_they_wrote(post_and_apply, conversation) -> None:
    post_and_apply(customer(type="text", text={"body": "call"}))
    assert '<div dir="auto" class="message-text">call</div>' in conversation()


def test_an_empty_message_is_said_to_be_empty(post_and_apply, conversation) -> None:
    post_and_apply(customer(type="text", text={"body": " \u200b"}))
    assert "Empty message" in conversation()


# Why messages failed, and what helps


def failed(code: Any, details: str = "", *, title: str = "x") -> list[bytes]:
    error = {"code": code, "title": title, "message": title, "error_data": {"details": details}}
    told = customer("wamid.c", type="text", text={"body": "oi"})
    return [
        told,
        echo_body("wamid.e", now() - 30, text="Sua encomenda chegou"),
        status_body("wamid.e", "failed", now(), errors=[error]),
    ]


def test_meta_s_reason_is_shown_behind_details(post_and_apply, conversation) -> None:
    post_and_apply(*failed(131999, "The account needs the new consent."))
    page = conversation()
    assert "WhatsApp could not deliver it. (131999)" in page
    assert '<q lang="en" dir="ltr">x. The account needs the new consent.</q>' in page


def test_where_meta_says_no_more_than_the_hub_there_are_no_details(post_and_apply, conversation) -> None:
    post_and_apply(*failed(131026, "Message undeliverable", title="Message undeliverable"))
    assert "meta-says" not in conversation()


def test_a_code_in_text_closes_the_window_like_a_number(post_and_apply, conversation) -> None:
    post_and_apply(*failed("131047", "Re-engagement message"))
    contact = Contact.objects.get()
    assert contact.window_refused_at is not None
    page = conversation()
    assert "More than 24 hours had passed" in page
    assert "data-edit-again" not in page, "free text cannot be sent now"
    assert "data-open-templates" in page


def test_the_text_of_what_failed_for_good_can_be_used_again(post_and_apply, conversation) -> None:
    post_and_apply(*failed(131026))
    sent = Message.objects.get(wamid="wamid.e")
    page = conversation()
    assert 'data-copy="Sua encomenda chegou"' in page
    assert f"?edit={sent.pk}#composer" in page
    assert ">Sua encomenda chegou</textarea>" in conversation(edit=sent.pk)


def test_what_arrived_offers_none_of_that(post_and_apply, conversation) -> None:
    post_and_apply(*failed(131026)[:2])
    page = conversation()
    assert "data-edit-again" not in page
    assert "data-open-templates" not in page


def test_the_text_stands_beside_the_templates(post_and_apply, client, organization, number) -> None:
    post_and_apply(*failed("131047"))
    sent, contact = Message.objects.get(wamid="wamid.e"), Contact.objects.get()
    template = MessageTemplate.objects.create(
        organization=organization,
        waba_id=number.waba_id,
        name="aviso",
        language="pt_BR",
        status="APPROVED",
        category="UTILITY",
        components=[{"type": "BODY", "text": "Olá!"}],
        reported_at=timezone.now(),
    )
    picker = reverse("template_picker", args=[organization.pk, contact.pk])
    page = client.get(picker, {"text": sent.pk}).content.decode()
    assert "Sua encomenda chegou" in page
    filled = reverse("template_fill", args=[organization.pk, contact.pk, template.pk])
    assert f'href="{filled}?text={sent.pk}"' in page
    assert "Sua encomenda chegou" in client.get(filled, {"text": sent.pk}).content.decode()
    for wrong in ("x", "9" * 30, Message.objects.get(wamid="wamid.c").pk, sent.pk + 1):
        assert "text that was not delivered" not in client.get(picker, {"text": wrong}).content.decode()


def test_a_conversation_costs_as_many_queries_however_much_failed(
    post_and_apply, conversation, django_assert_max_num_queries
) -> None:
    bodies = failed(131999, "Why.")
    for each in range(8):
        bodies += [echo_body(f"wamid.{each}", now() - 20), status_body(f"wamid.{each}", "failed", now(), errors=[{"code": 131026}])]
    post_and_apply(*bodies)
    with django_assert_max_num_queries(40):
        conversation()
