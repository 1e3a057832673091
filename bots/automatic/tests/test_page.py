"""The page of automatic messages: what is saved, what is refused, the preview, and who may see it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bots.models import AutomaticMessages, Bot, BotFile, BotVersion
from chats.models import Message
from conftest import html_of
from contacts.consent.words import USUAL_WORDS, MarketingWords, words_of
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role
from organizations.tests.people import member, outsider

pytestmark = pytest.mark.django_db

THURSDAY = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)  # 12:00 in Brasília


@pytest.fixture
def number(db: None) -> PhoneNumber:
    organization = Organization.objects.create(organization_name="Padaria Aroeira", time_zone="America/Sao_Paulo")
    return PhoneNumber.objects.create(organization=organization, phone_number_id="5243", wa_id="556133214400")


@pytest.fixture
def admin(number: PhoneNumber) -> Client:
    return member(number.organization, Role.USER_ADMIN)[1]


def address(number: PhoneNumber, name: str = "automatic_messages") -> str:
    return reverse(name, args=[number.organization_id, number.pk])


def values(**changes: Any) -> dict[str, Any]:
    """What the form posts, as the page shows it first, with changes. None leaves a field out, as for a switch that is off."""
    posted: dict[str, Any] = {
        "opening": "always",
        "reminder_minutes": 60,
        "bot_returns": "next_session",
        "bot_returns_minutes": 60,
        "hand_back_word": "#bot",
        "person_words": "atendente, humano",
        "loop_answers": 20,
        "loop_minutes": 5,
        "late_after_minutes": 5,
        "handed_over_is_on": "on",
        "holidays": "on",
        "holiday_state": "",
        "closed-TOTAL_FORMS": 1,
        "closed-INITIAL_FORMS": 0,
    }
    posted |= {f"{name}-text": "" for name in AutomaticMessages.MESSAGES}
    return {name: value for name, value in (posted | changes).items() if value is not None}


def week(**changes: str) -> dict[str, str]:
    """From Monday to Friday, 08:00 to 18:00, with changes."""
    days: dict[str, str] = {}
    for index in range(5):
        days |= {f"day{index}-is_open": "on", f"day{index}-from_1": "08:00", f"day{index}-to_1": "18:00"}
    return days | {"opening": "hours"} | changes


def saved(admin: Client, number: PhoneNumber, posted: dict[str, Any]) -> AutomaticMessages:
    response = admin.post(address(number), posted)
    assert response.status_code == 302, html_of(response)
    number.refresh_from_db()
    return AutomaticMessages.objects.get(number=number)


def refused(admin: Client, number: PhoneNumber, posted: dict[str, Any]) -> str:
    response = admin.post(address(number), posted)
    assert response.status_code == 422
    assert not AutomaticMessages.objects.exists()
    return html_of(response)


def test_the_hours_name_the_time_zone_by_its_city(admin: Client, number: PhoneNumber) -> None:
    shown = html_of(admin.get(address(number)))
    assert "Times are those of São Paulo" in shown
    assert "America/" not in shown


def test_the_page_opens_with_everything_off_and_suggestions_in_the_customers_language(admin: Client, number: PhoneNumber) -> None:
    page = html_of(admin.get(address(number)))

    assert "Nothing is sent automatically" in page
    assert "{{organization}}" in page
    assert AutomaticMessages.objects.count() == 0


def test_a_greeting_is_saved_and_the_number_answers_from_now_on(admin: Client, number: PhoneNumber) -> None:
    posted = values(**{"greeting_is_on": "on", "greeting-text": "Olá, {{first_name}}!\r\nTudo bem?"})

    with time_machine.travel(THURSDAY, tick=False):
        settings = saved(admin, number, posted)

    assert settings.greeting == {"type": "text", "text": "Olá, {{first_name}}!\nTudo bem?"}
    assert (settings.greeting_is_on, settings.away_is_on) == (True, False)
    assert number.answers_since == THURSDAY


def test_switching_off_keeps_the_text_and_ends_the_answers(admin: Client, number: PhoneNumber) -> None:
    saved(admin, number, values(**{"greeting_is_on": "on", "greeting-text": "Olá!"}))
    settings = saved(admin, number, values(**{"greeting-text": "Olá!"}))

    assert settings.greeting == {"type": "text", "text": "Olá!"}
    assert number.answers_since is None


def test_buttons_have_ids_from_their_texts_which_stay(admin: Client, number: PhoneNumber) -> None:
    first = {"greeting-text": "Oi!", "greeting-button_1": "Preços", "greeting-button_3": "Falar com alguém"}
    settings = saved(admin, number, values(**first))
    assert settings.greeting == {
        "type": "buttons",
        "text": "Oi!",
        "buttons": [{"id": "precos", "title": "Preços"}, {"id": "falar-com-alguem", "title": "Falar com alguém"}],
    }

    AutomaticMessages.objects.update(
        greeting={"type": "buttons", "text": "Oi!", "buttons": [{"id": "of-a-bot", "title": "Preços"}]}
    )
    settings = saved(admin, number, values(**{"greeting-text": "Oi!", "greeting-button_1": "Preços", "greeting-button_2": "🥐"}))
    assert [button["id"] for button in settings.greeting["buttons"]] == ["of-a-bot", "🥐"]


FILE = {"greeting-file_kind": "document", "greeting-link": "https://padaria.example.com/menu/Card%C3%A1pio.pdf?v=2"}


def test_a_file_is_named_by_its_address_and_has_a_text(admin: Client, number: PhoneNumber) -> None:
    settings = saved(admin, number, values(**FILE | {"greeting-text": "Oi, {{first_name}}!"}))

    assert settings.greeting == {
        "type": "media",
        "kind": "document",
        "link": FILE["greeting-link"],
        "caption": "Oi, {{first_name}}!",
        "filename": "Cardápio.pdf",
    }
    page = html_of(admin.get(address(number)))
    assert "Cardápio.pdf" in page
    assert "Oi, Maria!" in page  # in the preview


def test_an_audio_goes_out_without_a_text(admin: Client, number: PhoneNumber) -> None:
    link = "https://padaria.example.com/oi.ogg"
    settings = saved(admin, number, values(**{"greeting_is_on": "on", "greeting-file_kind": "audio", "greeting-link": link}))

    assert settings.greeting == {"type": "media", "kind": "audio", "link": link}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (FILE | {"greeting-button_1": "Preços"}, "A message has buttons or a file, not both."),
        (FILE | {"greeting-link": ""}, "Enter the web address of the file."),
        (FILE | {"greeting-link": "http://example.com/a.pdf"}, "The address has to begin with https://."),
        (FILE | {"greeting-link": "https://10.0.0.1/a.pdf"}, "it belongs to a private network"),
        (FILE | {"greeting-link": "https://[::1/a.pdf"}, "This is no web address."),
        (FILE | {"greeting-file_kind": "audio", "greeting-text": "Oi"}, "WhatsApp shows no text with an audio."),
        (FILE | {"greeting-text": "x" * 1025}, "With a file, a text has at most 1,024 characters."),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused(admin: Client, number: PhoneNumber, typed: dict[str, str], words: str) -> None:
    assert words in refused(admin, number, values(**typed))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"greeting_is_on": "on"}, "Write what customers get, or switch the message off."),
        ({"greeting_is_on": "on", "greeting-text": "\u200b"}, "Write what customers get, or switch the message off."),
        ({"greeting-text": "Oi {{nome}}"}, "There is no placeholder “nome”."),
        ({"greeting-text": "x" * 4097}, "at most 4096 characters"),
        ({"greeting-button_1": "Preços"}, "A message with buttons needs a text."),
        ({"greeting-text": "x" * 1025, "greeting-button_1": "Preços"}, "With buttons, a text has at most 1,024 characters."),
        ({"greeting-text": "Oi", "greeting-button_1": "x" * 21}, "at most 20 characters"),
        ({"greeting-text": "Oi", "greeting-button_1": "Preços", "greeting-button_2": "precos"}, "Two buttons have the same text."),
        ({"opening": "sometimes"}, "sometimes is not one of the available choices"),
        ({"reminder_minutes": "1400"}, "less than or equal to 1380"),
        ({"person_words": ", ".join(f"palavra {index}" for index in range(31))}, "At most 30 words"),
        ({"person_words": "x" * 61}, "At most 30 words"),
        ({"bot_returns": "later"}, "later is not one of the available choices"),
        ({"holiday_state": "XX"}, "XX is not one of the available choices"),
        ({"closed-0-name": "Inventário"}, "Enter the day."),
        ({"closed-0-day": "31/31"}, "Enter a valid date."),
    ],
)
def test_what_cannot_be_right_is_said_and_nothing_is_saved(
    admin: Client, number: PhoneNumber, typed: dict[str, str], words: str
) -> None:
    page = refused(admin, number, values(**typed))

    assert words in page
    assert "Not saved yet." in page


def test_the_list_of_errors_names_the_part_of_the_page(admin: Client, number: PhoneNumber) -> None:
    wrong = {"greeting-text": "Oi {{nome}}", "reminder_minutes": "1", "closed-0-name": "Inventário"}

    page = refused(admin, number, values(**week(**{"day0-to_1": "07:00", "day0-from_2": "09:00", "day0-to_2": "10:00"}, **wrong)))

    for part, field in (
        ("Greeting", "#id_greeting-text"),
        ("Minutes before the window closes", "#id_reminder_minutes"),
        ("Monday", "#day0-error"),
        ("Other days on which you are closed", "#id_closed-0-day"),
    ):
        assert f'{part}: <a class="underline" href="{field}"' in page


def test_hours_are_saved_with_breaks_and_nights(admin: Client, number: PhoneNumber) -> None:
    night = {"day5-is_open": "on", "day5-from_1": "22:00", "day5-to_1": "02:00"}
    posted = values(**week(**{"day0-to_1": "12:00", "day0-from_2": "14:00", "day0-to_2": "18:00"}, **night))

    settings = saved(admin, number, posted)

    workday = [["08:00", "18:00"]]
    assert settings.hours == [[["08:00", "12:00"], ["14:00", "18:00"]], *[workday] * 4, [["22:00", "02:00"]], []]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ({"day0-to_1": ""}, "Enter from when and until when."),
        ({"day6-is_open": "on"}, "Enter the hours of this day, or mark it as closed."),
        ({"day0-from_2": "17:00", "day0-to_2": "19:00"}, "The hours of this day overlap."),
        ({"day0-from_2": "06:00", "day0-to_2": "08:01"}, "The hours of this day overlap."),
        ({"day0-to_1": "02:00", "day0-from_2": "12:00", "day0-to_2": "13:00"}, "The hours of this day overlap."),
        ({"day0-from_1": "8h"}, "Enter a valid time."),
    ],
)
def test_hours_that_cannot_be_right_are_refused(admin: Client, number: PhoneNumber, day: dict[str, str], words: str) -> None:
    assert words in refused(admin, number, values(**week(**day)))


def test_wrong_hours_do_not_matter_while_the_number_is_always_open(admin: Client, number: PhoneNumber) -> None:
    settings = saved(admin, number, values(**week(**{"day0-to_1": ""}, opening="always")))

    assert settings.hours == []


def test_closed_days_are_saved_once_or_for_every_year(admin: Client, number: PhoneNumber) -> None:
    days = {
        "closed-TOTAL_FORMS": 4,
        "closed-0-day": "2026-12-24",
        "closed-0-name": "Véspera",
        "closed-0-every_year": "on",
        "closed-2-day": "2027-01-02",
    }  # the row 1 was removed, the row 3 is empty
    settings = saved(admin, number, values(**days))
    assert settings.closed_days == [["12-24", "Véspera"], ["2027-01-02", ""]]

    with time_machine.travel(THURSDAY, tick=False):
        page = html_of(admin.get(address(number)))
    assert 'value="2026-12-24"' in page
    assert 'value="2027-01-02"' in page


def test_the_29th_of_february_can_be_closed_every_year(admin: Client, number: PhoneNumber) -> None:
    AutomaticMessages.objects.create(number=number, closed_days=[["02-29", "Bissexto"]])

    assert "Bissexto" in html_of(admin.get(address(number)))


def test_words_limits_and_the_return_of_the_bot_are_saved(admin: Client, number: PhoneNumber) -> None:
    posted = values(
        person_words="Atendente,  falar com   pessoa ; atendente\n",
        bot_returns="minutes",
        bot_returns_minutes=30,
        hand_back_word=" #robo ",
        loop_answers=8,
        loop_minutes=2,
        late_after_minutes=15,
        holiday_state="SP",
        holidays=None,
    )

    settings = saved(admin, number, posted)

    assert settings.person_words == ["atendente", "falar com pessoa"]
    assert (settings.loop_answers, settings.loop_minutes, settings.holidays, settings.holiday_state) == (8, 2, False, "SP")
    assert (number.bot_returns, number.bot_returns_minutes, number.hand_back_word) == ("minutes", 30, "#robo")
    assert number.late_after_minutes == 15


# ---- Preview and summary ----


def contact_of(number: PhoneNumber, name: str = "Joelma Conceição", **columns: Any) -> Contact:
    columns = {"wa_id": "556181500586", "last_message_timestamp": THURSDAY} | columns
    return Contact.objects.create(create_for_phone_number=number, name=name, **columns)


def preview(admin: Client, number: PhoneNumber, posted: dict[str, Any], *, at: datetime = THURSDAY) -> str:
    with time_machine.travel(at, tick=False):
        response = admin.post(address(number, "automatic_preview"), posted)
    assert response.status_code == 200
    assert not AutomaticMessages.objects.exists()
    return html_of(response)


def test_the_preview_shows_what_was_typed_as_the_contact_reads_it(admin: Client, number: PhoneNumber) -> None:
    contact_of(number)
    typed = week() | {
        "greeting_is_on": "on",
        "greeting-text": "Oi, {{first_name}}! Aqui é {{organization}}.",
        "greeting-button_1": "Preços",
        "away_is_on": "on",
        "away-text": "Voltamos {{next_opening}}. {{hours}}",
    }

    page = preview(admin, number, values(**typed))

    assert "Oi, Joelma! Aqui é Padaria Aroeira." in page
    assert "Preços" in page
    assert "Voltamos amanhã às 08:00. seg a sex 08:00–18:00" in page  # as of when it closes, though it is open now
    assert "Somebody is there: Mon to Fri 08:00–18:00. Closed on holidays." in page
    assert "People who begin a new conversation get the greeting." in page
    assert not Message.objects.exists()


def test_the_preview_is_of_the_contact_that_was_chosen(admin: Client, number: PhoneNumber) -> None:
    rui = contact_of(number, "Rui Barbosa", last_message_timestamp=None)
    contact_of(number, wa_id="556181500587")

    assert "Oi, Rui!" in preview(admin, number, values(**{"greeting-text": "Oi, {{first_name}}!"}, contact=rui.pk))


def test_a_contact_of_another_number_is_not_shown(admin: Client, number: PhoneNumber) -> None:
    other = PhoneNumber.objects.create(organization=number.organization, phone_number_id="5244", wa_id="556133214401")
    foreign = contact_of(other, "Rui Barbosa")

    assert "Rui" not in preview(admin, number, values(**{"greeting-text": "Oi, {{first_name}}!"}, contact=foreign.pk))


def test_without_contacts_the_preview_has_an_example(admin: Client, number: PhoneNumber) -> None:
    assert "Oi, Maria!" in preview(admin, number, values(**{"greeting-text": "Oi, {{first_name}}!"}))


def test_the_preview_says_what_is_wrong_and_saves_nothing(admin: Client, number: PhoneNumber) -> None:
    page = preview(admin, number, values(**{"greeting-text": "Oi {{nome}}", "opening": "hours", "day0-is_open": "on"}))

    assert "There is no placeholder “nome”." in page


def test_the_preview_shows_the_hubs_words_where_the_number_has_none(admin: Client, number: PhoneNumber) -> None:
    page = preview(admin, number, values())

    assert page.count("The hub's own words. Write your own, if you like.") == 2


def test_the_next_holidays_follow_the_state(admin: Client, number: PhoneNumber) -> None:
    july = datetime(2026, 7, 1, tzinfo=UTC)

    assert "Revolução Constitucionalista" in preview(admin, number, values(holiday_state="SP", **week()), at=july)
    assert "Revolução Constitucionalista" not in preview(admin, number, values(holiday_state="RJ", **week()), at=july)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"away_is_on": "on", "away-text": "Fechado"}, "The away message is on, but never goes out"),
        ({"away_is_on": "on", "away-text": "Fechado"} | week(), "Outside these hours, people who write get the away message"),
        (week(), "the away message is off"),
        ({"reminder_is_on": "on", "reminder-text": "Oi?", "reminder_minutes": 90}, "are reminded 90 minutes before"),
        ({}, "Nothing is sent automatically"),
    ],
)
def test_the_summary_says_what_will_happen(admin: Client, number: PhoneNumber, typed: dict[str, Any], words: str) -> None:
    assert words in preview(admin, number, values(**typed))


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        ("next_session", "is silent until the customer&#x27;s next conversation"),
        ("minutes", "is silent until 45 minutes after the last answer"),
        ("never", "is silent until the team gives the conversation back"),
    ],
)
def test_the_summary_names_the_bot_that_greets_and_when_it_comes_back(
    admin: Client, number: PhoneNumber, returns: str, words: str
) -> None:
    bot = Bot.objects.create(organization=number.organization, key="menu", name="Menu da padaria")
    flow = {"format": 1, "name": "Menu", "start": "end", "steps": [{"id": "end", "type": "end"}]}
    bot.published = BotVersion.objects.create(bot=bot, number=1, document=flow)
    bot.save()
    PhoneNumber.objects.update(default_bot="menu")

    page = preview(
        admin,
        number,
        values(**{"greeting_is_on": "on", "greeting-text": "Oi"}, bot_returns=returns, bot_returns_minutes=45),
    )

    assert "Where the bot “Menu da padaria” answers, the bot greets instead." in page
    assert words in page


@pytest.mark.parametrize(
    ("kind", "column", "words"),
    [
        ("webhook", "default_bot", "the bot “Lia” is silent until the team gives the conversation back"),
        ("ai", "default_ai", "the AI “Lia” is silent until the team gives the conversation back"),
    ],
)
def test_the_summary_names_a_remote_bot_which_does_not_replace_the_greeting(
    admin: Client, number: PhoneNumber, kind: str, column: str, words: str
) -> None:
    bot = Bot.objects.create(organization=number.organization, key="lia", name="Lia", kind=kind)
    bot.published = BotVersion.objects.create(bot=bot, number=1, document={"kind": kind})
    bot.save()
    PhoneNumber.objects.update(**{column: "lia"})

    page = preview(admin, number, values(**{"greeting_is_on": "on", "greeting-text": "Oi"}, bot_returns="never"))

    assert words in page
    assert "greets instead" not in page


def test_contacts_are_found_by_name_among_those_of_the_number(admin: Client, number: PhoneNumber) -> None:
    other = PhoneNumber.objects.create(organization=number.organization, phone_number_id="5244", wa_id="556133214401")
    contact_of(number)
    contact_of(other, "Joelma de outro número")

    found = html_of(admin.get(address(number, "automatic_contacts"), {"contact_search": "81500586"}))

    assert "Joelma Conceição" in found
    assert "outro" not in found


# ---- Who may ----


def test_members_without_the_role_and_outsiders_see_nothing(admin: Client, number: PhoneNumber) -> None:
    colleague = member(number.organization, Role.USER)[1]

    for name in ("automatic_messages", "automatic_contacts"):
        assert admin.get(address(number, name)).status_code == 200
        assert colleague.get(address(number, name)).status_code == 403
    assert colleague.post(address(number), values()).status_code == 403
    assert outsider().get(address(number)).status_code == 404


def test_the_page_of_the_number_leads_to_its_automatic_messages(admin: Client, number: PhoneNumber) -> None:
    page = html_of(admin.get(reverse("number", args=[number.organization_id, number.pk])))

    assert f'href="{address(number)}"' in page


def pdf(name: str = "cardápio.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"%PDF-1.4\n%%EOF\n", "application/pdf")


def test_a_file_is_uploaded_with_a_text_shown_and_kept(admin: Client, number: PhoneNumber) -> None:
    posted = values(**{"greeting_is_on": "on", "greeting-text": "Oi!", "greeting-upload": pdf()})
    settings = saved(admin, number, posted)

    stored = BotFile.objects.get()
    assert settings.greeting == {"type": "media", "kind": "document", "file": stored.key, "caption": "Oi!"}
    page = html_of(admin.get(address(number)))
    assert reverse("bot_file", args=[number.organization_id, stored.key]) in page
    assert "Replace the file" in page

    again = {"greeting-file_kind": "file", "greeting-file": stored.key, "greeting-text": "Olá!"}
    settings = saved(admin, number, values(**again))
    assert settings.greeting == {"type": "media", "kind": "document", "file": stored.key, "caption": "Olá!"}

    settings = saved(admin, number, values(**again | {"greeting-file_kind": ""}))
    assert settings.greeting == {"type": "text", "text": "Olá!"}


def test_an_uploaded_file_stays_in_a_form_that_comes_back_with_errors(admin: Client, number: PhoneNumber) -> None:
    page = refused(admin, number, values(**{"greeting-text": "Oi {{nome}}", "greeting-upload": pdf()}))

    stored = BotFile.objects.get()
    assert f'name="greeting-file" value="{stored.key}"' in page
    assert '<option value="file" selected>' in page
    assert "cardápio.pdf" in page


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({"greeting-file_kind": "file"}, "Choose a file."),
        ({"greeting-file_kind": "file", "greeting-file": "nothing"}, "Choose a file."),
        (
            {"greeting-upload": SimpleUploadedFile("a.gif", b"GIF89a" + bytes(40))},
            "a.gif: WhatsApp does not take this type of file.",
        ),
        (
            {"greeting-upload": SimpleUploadedFile("a.mp3", b"ID3\x03..."), "greeting-text": "Oi"},
            "WhatsApp shows no text with an audio.",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_its_field(
    admin: Client, number: PhoneNumber, posted: dict[str, Any], words: str
) -> None:
    assert words in refused(admin, number, values(**posted))


def test_a_file_of_another_organization_cannot_be_chosen(admin: Client, number: PhoneNumber) -> None:
    theirs = Organization.objects.create(organization_name="Outra")
    BotFile.objects.create(organization=theirs, key="theirs", kind="document", file_name="a.pdf", size=1, file="x")

    page = refused(admin, number, values(**{"greeting-file_kind": "file", "greeting-file": "theirs"}))

    assert "Choose a file." in page
    assert "a.pdf" not in page


# Words about marketing messages


def test_the_page_shows_the_usual_words_and_saving_them_changes_nothing(admin: Client, number: PhoneNumber) -> None:
    page = html_of(admin.get(address(number)))
    stop, resume = ", ".join(USUAL_WORDS.stop), ", ".join(USUAL_WORDS.resume)

    assert f'value="{stop}"' in page
    assert f'value="{resume}"' in page
    saved(admin, number, values(stop_words=stop, resume_words=resume))
    assert number.marketing_words is None


def test_own_words_count_from_now_on(admin: Client, number: PhoneNumber) -> None:
    before = timezone.now()
    saved(admin, number, values(stop_words=" Chega,  não quero MAIS; chega! ", resume_words=""))

    assert words_of(number.marketing_words, timezone.now()) == MarketingWords(("chega!", "não quero MAIS"), ())
    assert words_of(number.marketing_words, before) == USUAL_WORDS
    page = html_of(admin.get(address(number)))
    assert 'value="chega!, não quero MAIS"' in page
    saved(admin, number, values())
    assert words_of(number.marketing_words, timezone.now()).resume == (), "a page of an earlier version leaves them"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"stop_words": ", ".join(f"palavra {index}" for index in range(31))}, "At most 30 words"),
        ({"resume_words": "x" * 41}, "At most 30 words"),
        ({"stop_words": "Voltar", "resume_words": "VOLTAR!"}, "stops marketing messages or resumes them"),
        ({"opted_out_is_on": "on"}, "Write what customers get, or switch the message off."),
    ],
)
def test_wrong_words_are_refused(admin: Client, number: PhoneNumber, typed: dict[str, Any], words: str) -> None:
    assert words in refused(admin, number, values(**{"stop_words": "PARAR", "resume_words": "START"} | typed))


def test_the_confirmation_is_saved_and_makes_the_number_answer(admin: Client, number: PhoneNumber) -> None:
    settings = saved(admin, number, values(**{"opted_out_is_on": "on", "opted_out-text": "Pronto!"}))

    assert (settings.opted_out_is_on, settings.opted_out) == (True, {"type": "text", "text": "Pronto!"})
    assert number.answers_since is not None
    assert "get the confirmation" in html_of(admin.get(address(number)))
