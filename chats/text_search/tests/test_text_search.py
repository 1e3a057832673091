"""What was said is found without accents and case, the latest first, however long ago it was."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chats.conversations.timeline import ThreadPosition
from chats.models import ChangedText, IndexedWord, Message, TextIndexProgress, WordSpan
from chats.text_search.index import SETTLING_TIME, _index, index_texts
from chats.text_search.results import TextHits, _with_contacts, find_texts
from chats.text_search.words import SearchQuery, find_match, index_words
from conftest import apply_all, run_worker
from contacts.conftest import sign_in
from contacts.lists.search import index_names
from contacts.models import Contact
from jobs.bulk_writes import update_rows
from organizations.models import Organization, PhoneNumber, Role
from webhooks.tests.bodies import START, body, history_body, message, text_body, value

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def shop(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def number(shop: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=shop, phone_number_id="5243", wa_id="556133214400")


@pytest.fixture
def say(number):
    """Stores messages with these texts, a minute apart, the last at noon; and lets the index have them."""
    people = {}

    def store(*texts, at=NOON, to=number, step=timedelta(minutes=1), indexed=True, kind="text"):
        if to not in people:
            people[to] = Contact.objects.create(create_for_phone_number=to, wa_id="556181500586")
        Message.objects.bulk_create(
            Message(
                phone_number=to,
                contact=people[to],
                wamid=str(uuid.uuid4()),
                wa_id="556181500586",
                wa_id_received=to.wa_id,
                is_user_message=True,
                origin="live",
                kind=kind,
                content=text,
                payload={},
                message_status="received",
                session_id=uuid.uuid4(),
                expires_at=at,
                is_active=False,
                create_in=at - step * (len(texts) - 1 - place),
                updated_at=at,
            )
            for place, text in enumerate(texts)
        )
        if indexed:
            index_all()

    return store


def index_all():
    while index_texts():
        pass


def index_only(chat):
    """The ten messages of one chat in a step of their own, as when they came alone."""
    at = [NOON + timedelta(seconds=chat) - place * timedelta(minutes=32) for place in range(10)]
    _index(Message.objects.filter(create_in__in=at))


def found(typed, *numbers):
    """All that a search finds, part by part."""
    numbers = numbers or tuple(PhoneNumber.objects.filter(phone_number_id="5243"))
    texts, before = [], None
    for _ in range(200):
        part = find_texts(numbers, SearchQuery.read(typed), before=before)
        texts += [hit.content for hit in part.messages]
        if part.back_to is None:
            return texts
        assert before is None or part.back_to < before
        before = ThreadPosition.read(str(part.back_to))
    raise AssertionError("no end")


FILLING = [f"linha {place} de muitas" for place in range(700)]
"""More than are looked at one by one."""


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("A AÇÃO do pão de Queijo", "acao pao"),
        ("a acao do pao", "AÇÃO PÃO"),
        ("Quanto custa o bolo de fubá?", "bolo fub"),
        ("Quanto custa o bolo de fubá?", "fubá, BOLO!"),
        ("Straße und Işık", "strasse isik"),
        ("oﬃcina", "officina"),
        ("Jose\u0301 veio", "josé"),
        ("e" + "\u0301\u0323" * 300 + "va", "eva"),
        ("我想买苹果手机", "苹果"),
        ("我想买苹果手机", "机"),
        ("りんごをください", "りんご"),
        ("السَّلامُ عليكم", "السلام"),
        ("안녕하세요 여러분", "안녕"),
        ("pedido AB-1234/x e-mail ana.lima@example.com", "ab 1234 ana.lima@example.com"),
        ("são 100% de desconto_hoje", "100% desconto_hoje"),
        ("beleza 👍🏽", "👍"),
        ("x" * 60, "x" * 60),
        ("um " * 1000 + "jabuticaba", "jabuticaba"),
    ],
)
@pytest.mark.parametrize("is_long_ago", [False, True])
def test_a_text_is_found_as_people_type_it(say, text, typed, is_long_ago):
    say("outra coisa", text, "mais outra", *(FILLING if is_long_ago else ()))
    assert found(typed) == [text]


@pytest.mark.parametrize(
    "typed", ["bolo milho", "olo", "b%lo", "ubá", "😀", "苹手", "\u0301", "%", "_", "\\", "bolo " * 200 + "milho"]
)
def test_a_text_that_no_message_contains_is_not_found(say, typed):
    say("Quanto custa o bolo de fubá?", "我想买苹果手机", *FILLING)
    assert found(typed) == []


@pytest.mark.parametrize(
    "typed", ["a" * 4000, "á " * 2000, "palavra " * 200, "\x00", "?" * 4000, "👍" * 1000, "机" * 4000, "\u0301" * 4000]
)
def test_hostile_searches_find_nothing_and_end(say, typed):
    say(*FILLING)
    assert found(typed) == []


def test_a_search_gives_every_hit_once_the_latest_first(say):
    texts = [f"pedido {place} {'raro' if place % 70 == 0 else ''} {'comum' if place % 3 else ''}" for place in range(3000)]
    say(*texts)
    for typed in ("raro", "comum", "comum raro", "ped", "p", "pedido 2999", "1"):
        words = typed.split()
        wanted = [text for text in texts if all(any(each.startswith(word) for each in text.split()) for word in words)]
        assert found(typed) == wanted[::-1], typed


def test_messages_of_the_same_time_are_all_found(say):
    say(*["mesmo instante"] * 100, step=timedelta(), at=NOON - timedelta(days=1))
    say(*FILLING)
    assert len(found("instante")) == 100


def test_a_word_of_many_spans_over_the_same_hours_is_found_to_its_end(say):
    """As history tells them: chat by chat, each over the same hours."""
    for chat in range(120):
        say(*["comum", "alta"] * 5, step=timedelta(minutes=32), at=NOON + timedelta(seconds=chat), indexed=False)
    say("comum e alta", at=NOON - timedelta(days=9), indexed=False)
    say(*FILLING, at=NOON + timedelta(days=1), indexed=False)
    for chat in range(120):
        index_only(chat)
    index_all()
    assert (len(found("comum")), found("alta comum")) == (601, ["comum e alta"])


def test_before_the_index_is_complete_all_is_found_message_by_message(say):
    say("bolo de fubá", *FILLING, indexed=False)
    assert not TextIndexProgress.objects.exists()
    assert found("FUBA") == ["bolo de fubá"]


def test_a_new_message_is_found_at_once(say):
    say(*FILLING)
    say("chegou agora", at=timezone.now(), indexed=False)
    assert found("agora") == ["chegou agora"]


@pytest.mark.parametrize("count", [3, 1500])
def test_old_messages_that_are_stored_just_now_are_found_before_they_are_indexed(say, count):
    """History that comes after the index was complete."""
    say("bolo indexado", *FILLING)
    now = timezone.now()
    history = [f"bolo antigo {place}" for place in range(count)]
    say(*history, at=NOON - timedelta(days=30), indexed=False)
    Message.objects.filter(content__startswith="bolo antigo").update(updated_at=now)
    index_texts()
    assert TextIndexProgress.objects.get().is_complete
    assert found("bolo") == ["bolo indexado", *history[::-1]]
    assert found("antigo 1")[-1] == "bolo antigo 1"


def test_messages_stored_just_now_are_indexed_when_no_transaction_can_be_open_that_is_older(say):
    now = timezone.now()
    say("antes", at=now - timedelta(hours=1))
    say("agora", at=now, indexed=False)
    Message.objects.filter(content="agora").update(updated_at=now)
    index_all()
    assert not IndexedWord.objects.filter(word="agora").exists()
    for passed in (1, 2):
        with time_machine.travel(now + passed * (SETTLING_TIME + timedelta(seconds=1))):
            Message.objects.filter(content="agora").update(updated_at=timezone.now())  # statuses come in all the time
            index_all()
    assert IndexedWord.objects.filter(word="agora").exists()


def test_existing_messages_are_indexed_in_small_steps_the_latest_first(say):
    say(*FILLING * 4, indexed=False)
    with CaptureQueriesContext(connection) as queries:
        index_all()
    reads = [query["sql"] for query in queries if "chat_session_message" in query["sql"] and "edited_content" in query["sql"]]
    assert len(reads) == 3
    assert all("LIMIT 2000" in each for each in reads)
    assert TextIndexProgress.objects.get().is_complete
    with CaptureQueriesContext(connection) as queries:
        assert index_texts() == 0
    assert len(queries) <= 3


def test_a_common_word_has_fewer_spans_than_messages(say):
    say(*FILLING * 3, step=timedelta(seconds=10))
    word = IndexedWord.objects.get(word="muitas")
    assert WordSpan.objects.filter(word_id=word.pk).count() <= 2


def test_another_organization_s_messages_are_not_found_nor_slow_a_search(say, number):
    other = Organization.objects.create(organization_name="Barbearia")
    foreign = PhoneNumber.objects.create(organization=other, phone_number_id="9999", wa_id="5511973310042")
    say(*["segredo comum"] * 700, to=foreign)
    say("o nosso segredo", *FILLING)
    assert found("segredo", number) == ["o nosso segredo"]
    assert found("comum", number) == []


def test_all_numbers_are_searched_or_one(say, number, shop):
    second = PhoneNumber.objects.create(organization=shop, phone_number_id="5244", wa_id="556198440077")
    say("bolo um", *FILLING, at=NOON - timedelta(seconds=30))
    say("bolo dois", *FILLING, to=second)
    assert found("bolo", number, second) == ["bolo dois", "bolo um"]
    assert found("bolo", second) == ["bolo dois"]


def test_reactions_edits_and_deletions_are_no_hits(say):
    say("edit fubá", kind="edit")
    say("fubá mesmo")
    assert found("fuba") == ["fubá mesmo"]


def test_a_hit_whose_contact_has_just_been_merged_is_left_out(say, number):
    say("bolo um")
    hits = TextHits([Message(contact_id=0, phone_number=number), Message.objects.get()], None)
    assert [hit.content for hit in _with_contacts(hits).messages] == ["bolo um"]


def test_a_search_compares_a_limited_number_of_messages(say, number):
    say(*(f"pedido {'raro' if place % 70 == 0 else ''} {place}" for place in range(3000)))
    for typed in ("raro", "pedido", "ped 2", "nada", "raro pedido"):
        with CaptureQueriesContext(connection) as queries:
            find_texts([number], SearchQuery.read(typed))
        assert len(queries) <= 12, typed
        assert all("LIMIT" in each["sql"] or " IN (" in each["sql"] for each in queries if "session_message" in each["sql"])


def test_messages_at_times_of_only_one_of_the_words_are_not_compared(say, number):
    separate = ["ligue 7605", "ramal 1911"] * 40
    say(*separate, "ligue 7605 ramal 1911", at=NOON - timedelta(days=30), step=timedelta(hours=2))
    say(*FILLING)
    with CaptureQueriesContext(connection) as queries:
        hits = find_texts([number], SearchQuery.read("7605-1911")).messages
    assert [hit.content for hit in hits] == ["ligue 7605 ramal 1911"]
    times = [re.findall(r"create_in\W+IN \((.*?)\)", each["sql"]) for each in queries if "session_message" in each["sql"]]
    assert [each.count(",") + 1 for lists in times for each in lists] == [1]


def test_words_of_many_messages_are_compared_by_their_times_before_messages_are_read(say, number):
    """More messages have each word than a search reads times of a word at first."""
    separate = ["ligue 7605", "ramal 1911", "ramal 1911"] * 150
    say("ligue 7605 ramal 1911", *separate, at=NOON - timedelta(days=30), step=timedelta(hours=2))
    say(*FILLING)
    read = 0
    before, hits = None, []
    for _ in range(10):
        with CaptureQueriesContext(connection) as queries:
            part = find_texts([number], SearchQuery.read("7605-1911"), before=before)
        hits += [hit.content for hit in part.messages]
        times = [re.findall(r"create_in\W+IN \((.*?)\)", each["sql"]) for each in queries if "session_message" in each["sql"]]
        read += sum(each.count(",") + 1 for lists in times for each in lists)
        if part.back_to is None:
            break
        before = ThreadPosition.read(str(part.back_to))
    assert hits == ["ligue 7605 ramal 1911"]
    assert read <= 3


@pytest.mark.parametrize("minutes", [1, 7, 45])
def test_a_search_of_several_words_finds_the_same_as_comparing_every_message(say, minutes):
    random = Random(minutes)  # noqa: S311  repeatable
    share = {"boleto": 0.6, "pedido": 0.25, "verde": 0.1, "norte": 0.08, "rua": 0.02, "jabuti": 0.01, "jabuticaba": 0.01}
    texts = [" ".join(word for word in share if random.random() < share[word]) or "nada" for _ in range(2_500)]
    say(*texts, step=timedelta(minutes=minutes))
    for typed in ("boleto pedido", "pedido verde norte", "verde jabu", "norte rua", "jabuti jabuticaba", "rua jabuti boleto"):
        wanted = SearchQuery.read(typed)
        assert found(typed) == [text for text in reversed(texts) if wanted.matches(text)], typed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    start=st.integers(0, 80),
    length=st.integers(1, 50),
)
def test_whatever_is_the_beginning_of_a_word_is_in_the_text(text, start, length):
    words = sorted(index_words(text))
    if words:
        typed = words[start % len(words)][:length]
        wanted = SearchQuery.read(typed)
        assert wanted.matches(text)
        assert all(any(each.startswith(word) for each in words) for word in wanted.words)
        match = find_match(text, wanted)
        assert match is not None
        first, end = match
        assert 0 <= first < end <= len(text)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    typed=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
def test_what_is_in_a_text_is_found_by_its_words(text, typed):
    wanted = SearchQuery.read(typed)
    if wanted.parts and wanted.matches(text):
        words = index_words(text)
        assert all(any(each.startswith(word) for each in words) for word in wanted.words)


@pytest.mark.parametrize(
    ("text", "typed", "marked"),
    [
        ("Quanto custa a AÇÃO?", "acao", "AÇÃO"),
        ("o cafe\u0301 da manhã", "café", "cafe\u0301"),
        ("oﬃcina", "offi", "oﬃ"),
        ("我想买苹果手机", "苹果", "苹果"),
        ("não há", "bolo ha", "há"),
        ("👍 ok", "👍", "👍"),
    ],
)
def test_the_match_is_marked(text, typed, marked):
    match = find_match(text, SearchQuery.read(typed))
    assert match is not None
    first, end = match
    assert text[first:end] == marked


# ---- What happens to messages afterwards


@pytest.fixture
def later():
    """It is long after the messages of the bodies."""
    with time_machine.travel(datetime.fromtimestamp(START, UTC) + timedelta(days=2), tick=True) as clock:
        yield clock


def found_by(numbers, typed):
    return [hit.edited_content or hit.content for hit in find_texts(list(numbers.values()), SearchQuery.read(typed)).messages]


def edit(wamid, target, text, at):
    told = message(wamid, at) | {
        "type": "edit",
        "edit": {"original_message_id": target, "message": {"type": "text", "text": {"body": text}}},
    }
    return body(value(messages=[told]))


def settle(clock):
    clock.shift(2 * SETTLING_TIME)
    run_worker()
    clock.shift(2 * SETTLING_TIME)
    run_worker()


def test_an_edited_text_is_indexed_anew(post_and_apply, numbers, later):
    post_and_apply(text_body("wamid.A", START, text="bolo de fubá"))
    settle(later)
    post_and_apply(edit("wamid.B", "wamid.A", "torta de limão", START + 60))
    run_worker()
    assert Message.objects.get(wamid="wamid.A").edited_content == "torta de limão"
    assert (found_by(numbers, "limao"), ChangedText.objects.count()) == (["torta de limão"], 0)
    assert IndexedWord.objects.filter(word="limao").exists()


def test_after_a_rebuild_the_same_is_found(post_and_apply, numbers, later):
    post_and_apply(*(text_body(f"wamid.{place}", START + place, text=f"bolo número {place}") for place in range(5)))
    settle(later)
    before = found_by(numbers, "numero")
    words = set(IndexedWord.objects.values_list("word", flat=True))
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    settle(later)
    assert found_by(numbers, "numero") == before == [f"bolo número {place}" for place in (4, 3, 2, 1, 0)]
    assert set(IndexedWord.objects.values_list("word", flat=True)) == words


def test_a_late_message_is_found_at_its_time(post_and_apply, numbers, later):
    post_and_apply(text_body("wamid.B", START + 600, text="bolo novo"))
    settle(later)
    post_and_apply(history_body("wamid.A", START - 90 * 24 * 3600))
    Message.objects.filter(wamid="wamid.A").update(content="bolo velho")
    settle(later)
    assert found_by(numbers, "bolo") == ["bolo novo", "bolo velho"]


# ---- Pages


def ask(client, shop, name="inbox_rows", **query):
    return client.get(reverse(name, args=[shop.pk]), query)


@pytest.fixture
def member(shop):
    return sign_in(shop)


def test_people_and_messages_are_one_result(shop, say, member):
    say("bolo de fubá", at=timezone.now())
    Contact.objects.update(last_message_timestamp=NOON, name="Bolonha Lima")
    update_rows(index_names(list(Contact.objects.all())), ["search_name"])
    for name in ("inbox_rows", "inbox"):
        page = ask(member, shop, name, q="bol").content.decode()
        assert page.index("People") < page.index("Bolonha") < page.index("<mark>bol</mark>o de fubá")
        assert "No conversation fits" not in page
        assert "No message says that" not in page


def test_hits_in_messages_come_without_a_notice_that_nothing_was_found(shop, say, member):
    say("bolo de fubá", at=timezone.now())
    page = ask(member, shop, q="fuba").content.decode()
    assert "<mark>fubá</mark>" in page
    assert not [words for words in ("No conversation fits", "People", "No message says that") if words in page]


def test_what_nobody_is_called_and_nobody_said_is_told_once(shop, say, member):
    say("bolo de fubá", at=timezone.now())
    page = ask(member, shop, q="encanador").content.decode()
    assert page.count("No conversation fits") == 1
    assert not [words for words in ("People", "Messages", "No message says that") if f">{words}" in page]


def test_a_refresh_of_the_list_leaves_the_messages_that_were_found(shop, say, member):
    say("bolo de fubá", at=timezone.now())
    page = member.get(reverse("inbox_rows", args=[shop.pk]), {"q": "fuba"}, headers={"HX-Target": "list-live"}).content.decode()
    assert "list-live" in page
    assert "fubá" not in page


def test_further_back_goes_on_where_the_last_part_ended(shop, say, member):
    say(*["bolo comum"] * 40, at=timezone.now())
    page = ask(member, shop, q="comum").content.decode()
    before = page.partition("before=")[2].partition("&")[0].partition('"')[0]
    further = ask(member, shop, "inbox_texts", q="comum", before=before).content.decode()
    assert (page.count("<mark>"), further.count("<mark>")) == (30, 10)
    assert "That was all" in further


def test_a_search_takes_few_queries_however_much_it_finds(shop, say, member, django_assert_max_num_queries):
    say("um bolo", at=timezone.now())
    ask(member, shop, q="bolo")
    with CaptureQueriesContext(connection) as few:
        ask(member, shop, q="bolo")
    say(*["outro bolo"] * 25, at=timezone.now())
    with django_assert_max_num_queries(len(few)):
        assert ask(member, shop, q="bolo").content.decode().count("<mark>") == 26


@pytest.mark.parametrize("name", ["inbox", "inbox_rows", "inbox_texts"])
def test_a_search_is_for_members_of_any_role_and_nobody_else(shop, say, client, name):
    say("bolo de fubá", at=timezone.now())
    for role in Role:
        assert "fubá" in ask(sign_in(shop, role), shop, name, q="fuba").content.decode()
    outsider = sign_in(Organization.objects.create(organization_name="Barbearia"), Role.USER_CREATOR, "outsider@example.com")
    assert ask(outsider, shop, name, q="fuba").status_code == 404
    assert ask(client, shop, name, q="fuba").status_code == 302


@pytest.mark.parametrize(
    "query", [{"before": "x"}, {"before": "9" * 40}, {"number": "999"}, {"q": "%"}, {"q": "?" * 4000}, {"q": "\x00"}]
)
def test_senseless_searches_are_no_error(shop, say, member, query):
    say("bolo de fubá", at=timezone.now())
    for name in ("inbox", "inbox_rows", "inbox_texts"):
        assert ask(member, shop, name, **({"q": "bolo"} | query)).status_code == 200
