"""Writing in a conversation, by the forms of its page: what is queued, what is refused and with which words, and who may."""

import uuid
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from chats.models import Attachment, Message, MessageStatus, Origin, QueuedMessage, StatusEvent
from cloud_api.graph import GraphError
from contacts.models import Contact
from organizations.models import Membership, Organization, PhoneNumber, Role, User

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def own_media_folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def contact(padaria: Organization) -> Contact:
    """Somebody who wrote an hour ago."""
    return add_customer(padaria, "5243", timezone.now() - timedelta(hours=1))


def add_customer(organization: Organization, phone_number_id: str, wrote_at: Any) -> Contact:
    number = PhoneNumber.objects.create(organization=organization, phone_number_id=phone_number_id, wa_id=f"5561{phone_number_id}")
    contact = Contact.objects.create(
        create_for_phone_number=number, wa_id=f"55618150{phone_number_id}", name="Maria Alves", last_customer_message_at=wrote_at
    )
    store_message(contact, "Vocês abrem hoje?", wrote_at)
    return contact


def store_message(contact: Contact, words: str, at: Any, **columns: Any) -> Message:
    """A message as webhooks leave it."""
    number = contact.create_for_phone_number
    columns = {
        "wamid": f"wamid.{uuid.uuid4().hex}", "wa_id": contact.wa_id, "wa_id_received": number.wa_id, "is_user_message": True,
        "origin": Origin.LIVE, "kind": "text", "payload": {"text": {"body": words}}, "message_status": MessageStatus.RECEIVED,
        "session_id": uuid.uuid4(), "expires_at": at + timedelta(hours=24), "is_active": True, "create_in": at,
    } | columns  # fmt: skip
    return Message.objects.create(phone_number=number, contact=contact, content=words, **columns)


def member_client(organization: Organization | None, role: Role = Role.USER, name: str = "Ana Souza") -> Client:
    user = User.objects.create_user(f"{role}-{name[:3].lower()}@example.com", language="en", name=name)
    if organization:
        Membership.objects.create(organization=organization, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ana(padaria: Organization) -> Client:
    return member_client(padaria)


def url(name: str, contact: Contact, *more: int) -> str:
    return reverse(name, args=[contact.organization_id, contact.pk, *more])


def send(client: Client, contact: Contact, *, headers: Any = HTMX, **given: Any) -> Any:
    return client.post(url("send_answer", contact), {"token": uuid.uuid4()} | given, headers=headers)


def text(response: Any) -> str:
    return response.content.decode()


def written(contact: Contact) -> list[Message]:
    return list(Message.objects.filter(contact=contact, is_user_message=False).order_by("pk"))


def close_window(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(last_customer_message_at=timezone.now() - timedelta(hours=25))


def picture(size: tuple[int, int] = (8, 8)) -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", size, "green").save(file, "JPEG")
    return SimpleUploadedFile("bolo.jpg", file.getvalue(), "image/jpeg")


# ---- Texts ----


def test_an_answer_is_queued_in_the_name_of_its_writer(ana, contact) -> None:
    response = send(ana, contact, text="Abrimos às 8h.\r\nAté logo!")

    assert (response.status_code, response.headers["HX-Trigger"]) == (204, "hub:sent")
    (message,) = written(contact)
    assert (message.content, message.message_status, message.origin) == ("Abrimos às 8h.\nAté logo!", "queued", "staff")
    assert message.written_by is not None
    assert message.written_by.name == "Ana Souza"
    assert QueuedMessage.objects.filter(message=message).exists()
    page = text(ana.get(url("conversation_pane", contact)))
    assert "waiting to be sent" in page
    assert "Ana Souza" in page


def test_without_a_script_the_answer_leads_back_to_the_conversation(ana, contact) -> None:
    response = send(ana, contact, headers={}, text="Sim")
    assert (response.status_code, response.url) == (302, url("conversation", contact))


@pytest.mark.parametrize("headers", [HTMX, {}])
@pytest.mark.parametrize(
    ("words", "refusal"),
    [("", "Write something first."), ("  \r\n ", "Write something first."), ("x" * 4097, "At most 4,096 characters.")],
)
def test_what_cannot_be_an_answer_is_refused_in_words_and_comes_back(ana, contact, headers, words, refusal) -> None:
    response = send(ana, contact, headers=headers, text=words)
    assert response.status_code == 422
    assert refusal in text(response)
    assert headers or words.strip() in text(response)
    assert written(contact) == []


def test_a_text_of_4096_letters_is_sent_however_its_lines_end(ana, contact) -> None:
    assert send(ana, contact, text="x" * 2000 + "\r\n" + "😀" * 2095).status_code == 204
    assert len(written(contact)[0].content) == 4096


def test_the_same_token_writes_one_message(ana, contact) -> None:
    token = uuid.uuid4()
    assert [send(ana, contact, text="Sim", token=token).status_code for _ in range(2)] == [204, 204]
    assert len(written(contact)) == 1


def test_a_changed_text_with_a_spent_token_is_not_lost_in_silence(ana, contact) -> None:
    token = uuid.uuid4()
    send(ana, contact, text="Sim", token=token)
    response = send(ana, contact, text="Não", token=token)
    assert response.status_code == 422
    assert "It was sent already, as it was before you changed it." in text(response)
    assert "data-spent" in text(response)
    assert [message.content for message in written(contact)] == ["Sim"]


@pytest.mark.parametrize("token", ["", "x", "0"])
def test_an_answer_without_a_token_is_refused(ana, contact, token) -> None:
    assert send(ana, contact, text="Sim", token=token).status_code == 422
    assert written(contact) == []


# ---- Which message is answered ----


def test_an_answer_names_the_message_that_it_answers(ana, contact) -> None:
    asked = contact.messages.get()
    send(ana, contact, text="Sim", quoted=asked.pk)
    (message,) = written(contact)
    assert message.quoted_wamid == asked.wamid
    assert message.payload["context"] == {"message_id": asked.wamid}


def test_without_javascript_a_link_contains_the_quoted_message(ana, contact) -> None:
    asked = contact.messages.get()
    page = text(ana.get(f"{url('conversation', contact)}?reply={asked.pk}"))
    assert f'name="quoted" value="{asked.pk}"' in page
    assert 'name="quoted" value=""' in text(ana.get(f"{url('conversation', contact)}?reply=99999999999999999999"))


def test_a_message_of_a_bot_is_quoted_with_the_bot_as_its_author(ana, contact) -> None:
    send(ana, contact, text="Escolha")
    Message.objects.filter(is_user_message=False).update(origin=Origin.BOT, wamid="wamid.of-bot", written_by=None)
    (of_bot,) = written(contact)
    page = text(ana.get(f"{url('conversation', contact)}?reply={of_bot.pk}"))
    quoted = page.partition("data-quote-who")[2].partition("</span>")[0]
    assert "Bot" in quoted
    assert 'data-who="Bot"' in page


@pytest.mark.parametrize("quoted", ["foreign", "unsent", "0", "x", "99999999999999999999"])
def test_a_message_of_another_conversation_cannot_be_answered(ana, padaria, contact, quoted) -> None:
    if quoted == "foreign":
        quoted = add_customer(padaria, "5244", timezone.now()).messages.get().pk
    if quoted == "unsent":
        quoted = store_message(
            contact, "…", timezone.now(), wamid=None, is_user_message=False, origin=Origin.STAFF, message_status="queued"
        ).pk
    count = len(written(contact))
    assert send(ana, contact, text="Sim", quoted=quoted).status_code == 422
    assert len(written(contact)) == count


# ---- Files ----


def test_files_become_messages_in_order_and_the_text_is_the_first_ones_caption(ana, contact) -> None:
    menu = SimpleUploadedFile("cardápio.txt", "Pão".encode(), "text/plain")
    assert send(ana, contact, text="Veja", file=[picture(), menu]).status_code == 204
    first, second = written(contact)
    assert (first.kind, first.payload["image"], first.content) == ("image", {"caption": "Veja"}, "Veja")
    assert (second.kind, second.payload["document"]) == ("document", {"filename": "cardápio.txt"})
    files = Attachment.objects.all()
    assert {file.message_name for file in files} == {first.name, second.name}


def test_a_text_with_a_file_that_takes_no_caption_is_a_message_of_its_own(ana, contact) -> None:
    sticker = BytesIO()
    Image.new("RGB", (512, 512), "green").save(sticker, "WEBP")
    file = SimpleUploadedFile("oi.webp", sticker.getvalue(), "image/webp")
    assert send(ana, contact, text="Oi", file=file).status_code == 204
    assert [(message.kind, message.content) for message in written(contact)] == [("sticker", "sticker"), ("text", "Oi")]


def test_files_posted_twice_with_one_token_are_written_once(ana, contact) -> None:
    token = uuid.uuid4()
    for _ in range(2):
        assert send(ana, contact, file=[picture(), picture()], token=token).status_code == 204
    assert len(written(contact)) == 2
    assert Attachment.objects.count() == 2


@pytest.mark.parametrize(
    ("file", "refusal"),
    [
        (SimpleUploadedFile("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), "a.svg"),
        (SimpleUploadedFile("a.txt", b"", "text/plain"), "empty"),
        (SimpleUploadedFile("a.jpg", b"\xff\xd8\xff" + b"\x00" * (5 * 2**20), "image/jpeg"), "5 MB"),
    ],
)
def test_a_file_that_whatsapp_does_not_take_is_refused_and_nothing_is_written(ana, contact, file, refusal) -> None:
    response = send(ana, contact, text="Veja", file=[picture(), file])
    assert response.status_code == 422
    assert refusal in text(response)
    assert written(contact) == []


def test_too_many_files_and_too_long_a_caption_are_refused(ana, contact) -> None:
    response = send(ana, contact, file=[picture() for _ in range(11)])
    assert response.status_code == 422
    assert "at most 10 files" in text(response)
    response = send(ana, contact, text="x" * 1025, file=picture())
    assert response.status_code == 422
    assert "At most 1,024 characters." in text(response)
    assert written(contact) == []


NAMED = [
    ("Or%22amento %22final%22.txt", "", 'Or"amento "final".txt'),  # as browsers write it, without a script
    ("Orcamento 100%22.txt", "Orcamento 100%22.txt", "Orcamento 100%22.txt"),
    ("x.txt", "a\"b&amp;c;d=e'f%41 ,€ 😀.txt", "a\"b&amp;c;d=e'f%41 ,€ 😀.txt"),
]


@pytest.mark.parametrize(("in_the_form", "file_name", "arrives"), NAMED)
def test_a_files_name_arrives_as_it_is(ana, contact, in_the_form, file_name, arrives) -> None:
    file = SimpleUploadedFile(in_the_form, b"Segue", "text/plain")
    assert send(ana, contact, file=file, file_name=file_name).status_code == 204
    (message,) = written(contact)
    assert message.payload["document"] == {"filename": arrives}
    assert Attachment.objects.get().file_name == arrives
    answer = ana.get(url("message_file", contact, message.pk))
    assert b"".join(answer.streaming_content) == b"Segue"
    assert name_in(answer["Content-Disposition"]) == arrives


def name_in(header: str) -> str:
    """The file's name in a Content-Disposition, as browsers read it."""
    told = EmailMessage(policy=default)
    told["Content-Disposition"] = header
    return str(told.get_filename())


def test_a_path_or_an_invisible_mark_is_no_part_of_a_files_name(ana, contact) -> None:
    file = SimpleUploadedFile("x.txt", b"Segue", "text/plain")
    assert send(ana, contact, file=file, file_name="../etc/\u202efdp.txt").status_code == 204
    assert written(contact)[0].payload["document"] == {"filename": "fdp.txt"}


def test_a_picture_is_sent_as_it_is_where_that_is_asked_for(ana, contact) -> None:
    large = picture().read() + b"\0" * (6 * 2**20)
    original = SimpleUploadedFile("bolo.jpg", large, "image/jpeg")
    assert send(ana, contact, text="Veja", file=original, as_document="1").status_code == 204
    (message,) = written(contact)
    assert (message.kind, message.payload["document"]) == ("document", {"caption": "Veja", "filename": "bolo.jpg"})
    assert Attachment.objects.get().size == len(large)
    assert "download><span" in "".join(text(ana.get(url("conversation_pane", contact))).split())


def test_what_is_no_picture_is_not_sent_as_a_document(ana, contact) -> None:
    file = SimpleUploadedFile("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    assert send(ana, contact, file=file, as_document="1").status_code == 422
    assert written(contact) == []


# ---- The window, and the number ----


def test_when_the_window_has_closed_the_text_is_kept_and_the_picker_is_shown(ana, contact) -> None:
    close_window(contact)
    response = send(ana, contact, text="Tarde demais")
    assert (response.status_code, response.headers["HX-Retarget"]) == (422, "#composer")
    assert "The window has closed meanwhile" in text(response)
    assert "Tarde demais" in text(response)
    assert url("template_picker", contact) in text(response)
    assert 'id="answer-text"' not in text(response)
    assert written(contact) == []
    plain = send(ana, contact, headers={}, text="Tarde demais")
    assert plain.status_code == 422
    assert "Tarde demais" in text(plain)


def test_the_composer_follows_the_window(ana, contact) -> None:
    assert 'data-mode="free"' in text(ana.get(url("conversation_window", contact)))
    assert "answer-text" in text(ana.get(url("composer", contact)))
    close_window(contact)
    assert 'data-mode="template"' in text(ana.get(url("conversation_window", contact)))
    page = text(ana.get(url("conversation", contact)))
    assert "The 24-hour window has been closed since" in page
    assert "answer-text" not in page
    Contact.objects.filter(pk=contact.pk).update(last_customer_message_at=None)
    assert "has not written to you yet" in text(ana.get(url("composer", contact)))


def test_in_its_last_minute_the_window_counts_as_closed(ana, contact) -> None:
    def expires_in(**left: int) -> None:
        Contact.objects.filter(pk=contact.pk).update(
            last_customer_message_at=timezone.now() - timedelta(days=1) + timedelta(**left)
        )

    expires_in(minutes=2)
    assert 'data-composer="free"' in text(ana.get(url("composer", contact)))
    assert send(ana, contact, text="Ainda dá").status_code == 204
    expires_in(seconds=59)
    assert 'data-composer="template"' in text(ana.get(url("composer", contact)))
    assert send(ana, contact, text="Já?").status_code == 422
    assert [message.content for message in written(contact)] == ["Ainda dá"]


def test_an_inactive_number_sends_nothing_and_shows_why(ana, padaria, contact) -> None:
    PhoneNumber.objects.update(activate=False)
    assert 'data-mode="off"' in text(ana.get(url("conversation_window", contact)))
    assert "Switch it on" not in text(ana.get(url("composer", contact)))
    assert "Switch it on" in text(member_client(padaria, Role.USER_ADMIN).get(url("composer", contact)))
    response = send(ana, contact, text="Oi")
    assert response.status_code == 422
    assert "Your number is off" in text(response)
    assert written(contact) == []


def test_while_sending_is_stopped_answers_are_taken_and_wait(ana, contact) -> None:
    PhoneNumber.objects.update(sending_stopped_at=timezone.now(), sending_stopped_code=190)
    assert "What you write waits" in text(ana.get(url("composer", contact)))
    assert send(ana, contact, text="Oi").status_code == 204


# ---- Reactions ----


def react(client: Client, contact: Contact, message: Message, emoji: str = "👍", **given: Any) -> Any:
    given = {"emoji": emoji, "token": uuid.uuid4()} | given
    return client.post(url("message_reactions", contact, message.pk), given, headers=HTMX)


def test_a_reaction_is_sent_shown_and_taken_back(ana, contact) -> None:
    asked = contact.messages.get()
    assert "👍" in text(ana.get(url("message_reactions", contact, asked.pk)))
    response = react(ana, contact, asked)
    assert (response.status_code, response.headers["HX-Trigger"]) == (204, "hub:changed")
    assert react(ana, contact, asked).status_code == 204  # it is there already
    (message,) = written(contact)
    assert message.payload == {"type": "reaction", "reaction": {"message_id": asked.wamid, "emoji": "👍"}}
    asked.refresh_from_db()
    assert list(asked.reactions.values()) == ["👍"]
    assert "Take 👍 back" in text(ana.get(url("message_reactions", contact, asked.pk), headers=HTMX))
    assert react(ana, contact, asked, "").status_code == 204
    asked.refresh_from_db()
    assert not asked.reactions


@pytest.mark.parametrize("emoji", ["x", "👍👍", "🏴‍☠️"])
def test_only_an_emoji_that_the_page_offers_is_a_reaction(ana, contact, emoji) -> None:
    assert react(ana, contact, contact.messages.get(), emoji).status_code == 422
    assert written(contact) == []


def test_what_cannot_be_reacted_to(ana, contact) -> None:
    now = timezone.now()
    ours = store_message(contact, "Sim", now, is_user_message=False, origin=Origin.STAFF, message_status="sent")
    old = store_message(contact, "Antiga", now - timedelta(days=31))
    deleted = store_message(contact, "Apagada", now, revoked_at=now)
    for message in (ours, old, deleted):
        assert react(ana, contact, message).status_code == 422
    close_window(contact)
    response = react(ana, contact, contact.messages.get(content="Vocês abrem hoje?"))
    assert "reactions are not possible now" in response.headers["HX-Trigger"]
    assert not Message.objects.filter(kind="reaction").exists()


def test_a_failed_reaction_is_shown_below_its_message(ana, contact) -> None:
    asked = contact.messages.get()
    react(ana, contact, asked)
    Message.objects.filter(kind="reaction").update(message_status="failed", errors=[{"code": 131026}])
    assert "Your reaction did not arrive" in text(ana.get(url("thread", contact)))
    react(ana, contact, asked, "❤️")
    assert "Your reaction did not arrive" not in text(ana.get(url("thread", contact)))


# ---- Messages that did not simply arrive ----


def ended(contact: Contact, status: str, code: int | None = None, **columns: Any) -> Message:
    """An answer that came to this."""
    columns = {"callback_data": str(uuid.uuid4()), "wamid": None, "errors": [{"code": code}] if code else None} | columns
    return store_message(
        contact, "Oi", timezone.now(), is_user_message=False, origin=Origin.STAFF, message_status=status,
        payload={"type": "text", "text": {"body": "Oi"}}, **columns,
    )  # fmt: skip


def again(client: Client, contact: Contact, message: Message) -> Any:
    return client.post(url("message_again", contact, message.pk), headers=HTMX)


def test_a_message_that_failed_in_passing_is_tried_again_once(ana, contact) -> None:
    failed = ended(contact, "failed", 131016)
    page = text(ana.get(url("thread", contact)))
    assert "Try again" in page
    assert "(131016)" in page
    assert [again(ana, contact, failed).status_code for _ in range(2)] == [204, 204]  # a double click
    assert [message.resends_id for message in written(contact)] == [None, failed.pk]
    page = text(ana.get(url("thread", contact)))
    assert "Try again" not in page
    assert "sent again" in page


@pytest.mark.parametrize("code", [131026, 131047, 132001])
def test_a_final_failure_offers_nothing(ana, contact, code) -> None:
    failed = ended(contact, "failed", code)
    assert "Try again" not in text(ana.get(url("thread", contact)))
    assert again(ana, contact, failed).status_code == 422
    assert written(contact) == [failed]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            GraphError(None, "HTTP status 400: Unsupported request", http_status=400),
            ("could not deliver it", "Unsupported request"),
        ),
        (GraphError(None, "no connection"), ("could not be reached", "")),
    ],
)
def test_a_refusal_without_a_code_is_shown_with_its_words(ana, contact, refusal, words) -> None:
    ended(contact, "failed", errors=[refusal.as_object])
    page = text(ana.get(url("thread", contact)))
    assert all(each in page for each in words)
    assert "no connection" not in page


def test_a_failure_from_a_status_counts_too(ana, contact) -> None:
    failed = ended(contact, "failed", wamid="wamid.late")
    StatusEvent.objects.create(
        phone_number=contact.create_for_phone_number, wamid="wamid.late", status="failed", occurred_at=timezone.now(), webhook_id=1,
        errors=[{"code": 131026}],
    )  # fmt: skip
    assert "(131026)" in text(ana.get(url("thread", contact)))
    assert again(ana, contact, failed).status_code == 422


def test_a_person_decides_about_an_uncertain_message(ana, contact) -> None:
    uncertain = ended(contact, "uncertain")
    page = text(ana.get(url("thread", contact)))
    assert "WhatsApp did not answer. The message may have arrived." in page
    assert "Send it again?" in page  # is asked first
    assert ana.post(url("message_settle", contact, uncertain.pk), headers=HTMX).headers["HX-Trigger"] == "hub:changed"
    uncertain.refresh_from_db()
    assert uncertain.message_status == MessageStatus.SENT
    assert again(ana, contact, uncertain).status_code == 422
    assert ana.post(url("message_settle", contact, uncertain.pk)).url == url("conversation", contact)


def test_an_uncertain_message_is_sent_again_only_while_the_window_is_open(ana, contact) -> None:
    uncertain = ended(contact, "uncertain")
    close_window(contact)
    response = again(ana, contact, uncertain)
    assert "only a template can be sent now" in response.headers["HX-Trigger"]
    assert ana.post(url("message_again", contact, uncertain.pk)).status_code == 302  # without a script: said on the page
    assert "only a template can be sent now" in text(ana.get(url("conversation", contact)))
    assert written(contact) == [uncertain]


# ---- Who may ----


def test_outsiders_can_neither_write_nor_read(contact, padaria) -> None:
    asked = contact.messages.get()
    outsider = member_client(Organization.objects.create(organization_name="Barbearia"), Role.USER_CREATOR, "Olga")
    for name, ids, post in (
        ("send_answer", (), True), ("composer", (), False), ("conversation_window", (), False), ("canned_for_contact", (), False),
        ("message_reactions", (asked.pk,), False), ("message_reactions", (asked.pk,), True), ("message_again", (asked.pk,), True),
        ("message_settle", (asked.pk,), True),
    ):  # fmt: skip
        for client, statuses in ((outsider, {404}), (Client(), {302})):
            answer = (client.post if post else client.get)(url(name, contact, *ids))
            assert answer.status_code in statuses, name
    for role in Role:
        assert send(member_client(padaria, role, role), contact, text="Oi").status_code == 204
    assert len(written(contact)) == len(Role)


def test_a_message_of_another_conversation_is_not_there(ana, padaria, contact) -> None:
    foreign = add_customer(padaria, "5244", timezone.now()).messages.get()
    for name in ("message_reactions", "message_again", "message_settle"):
        assert ana.post(url(name, contact, foreign.pk)).status_code == 404
