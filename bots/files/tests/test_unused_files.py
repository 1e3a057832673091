"""Files that nothing names any more are deleted after 30 days, and all others stay."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db.models import JSONField
from django.utils import timezone

from bots.answering.tests.conftest import now, publish  # noqa: F401  a fixture
from bots.editor.drafts import draft_of, replace_draft, undo
from bots.files.tests.conftest import PDF, Store, photo
from bots.files.tests.test_sending import downloaded
from bots.files.unused_files import delete_unused_files
from bots.models import AutomaticMessages, Bot, BotFile, BotVersion
from chats.conftest import JOELMA
from chats.models import QueuedMessage
from chats.outbox import sender
from conftest import apply_all, run_worker
from jobs.workers.worker import Worker
from organizations.models import Organization, PhoneNumber
from organizations.storage import storage_used
from webhooks.tests.bodies import NUMBER, text_body
from whatsapp_hub.lanes import LANES

pytestmark = pytest.mark.django_db(transaction=True)

WITHOUT_FILE = {"type": "text", "text": "Oi"}


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers[NUMBER]


def flow(message: dict[str, Any] = WITHOUT_FILE) -> dict[str, Any]:
    step = {"id": "a", "type": "send", "message": message, "next": None}
    return {"format": 1, "name": "Oi", "start": "a", "settings": {"silence_seconds": 0}, "steps": [step]}


def media(file: BotFile) -> dict[str, Any]:
    return {"type": "media", "kind": file.kind, "file": file.key}


def grow_old(days: float = 31) -> None:
    BotFile.objects.update(create_in=timezone.now() - timedelta(days=days))


def in_storage() -> list[Path]:
    return [each for each in Path(site.MEDIA_ROOT).rglob("*") if each.is_file()]


def new_bot(organization: Organization, **columns: Any) -> Bot:
    return Bot.objects.create(organization=organization, name="Oi", **({"key": "oi", "draft": flow()} | columns))


def test_a_file_that_nothing_names_is_deleted_with_its_thumbnail_and_frees_the_quota(store: Store, organization) -> None:
    store(organization, "fachada.jpg", photo())
    grow_old()
    assert len(in_storage()) == 2

    assert delete_unused_files() == 1

    assert (BotFile.objects.count(), in_storage(), storage_used(organization)) == (0, [], 0)
    assert delete_unused_files() == 0


def test_the_worker_deletes_unused_files(store: Store, organization) -> None:
    store(organization)
    grow_old()

    run_worker()

    assert not BotFile.objects.exists()


def test_a_file_stays_for_30_days_even_if_nothing_names_it(store: Store, organization) -> None:
    store(organization)
    grow_old(days=29.9)

    assert delete_unused_files() == 0
    assert len(in_storage()) == 1


def test_the_30_days_begin_again_when_the_file_is_uploaded_again(store: Store, organization) -> None:
    first = store(organization)
    grow_old()

    assert store(organization) == first
    assert delete_unused_files() == 0


def test_a_file_in_a_draft_stays(store: Store, organization) -> None:
    new_bot(organization, draft=flow(media(store(organization))))
    grow_old()

    assert delete_unused_files() == 0


@pytest.mark.parametrize("kind", ["webhook", "ai"])
def test_a_file_in_the_settings_of_another_kind_of_bot_stays(store: Store, organization, kind: str) -> None:
    new_bot(organization, kind=kind, draft={"knowledge": [{"file": store(organization).key}]})
    grow_old()

    assert delete_unused_files() == 0


def test_a_file_that_undo_or_redo_brings_back_stays(store: Store, organization) -> None:
    bot = new_bot(organization, draft=flow(media(store(organization))))
    grow_old()
    replace_draft(bot=bot, document=flow(), now=timezone.now())
    bot.refresh_from_db()
    assert delete_unused_files() == 0

    bot.undo = [draft_of(new_bot(organization, key="other"))]
    bot.save()
    assert delete_unused_files() == 1


def test_a_file_that_only_redo_brings_back_stays(store: Store, organization) -> None:
    bot = new_bot(organization)
    replace_draft(bot=bot, document=flow(media(store(organization))), now=timezone.now())
    bot.refresh_from_db()
    undo(bot=bot, revision=bot.draft_revision, now=timezone.now())
    grow_old()
    bot.refresh_from_db()
    assert (bot.draft, bot.undo) == (flow(), [])

    assert delete_unused_files() == 0


def test_a_file_in_an_old_version_stays_and_goes_with_the_bot(store: Store, organization) -> None:
    bot = new_bot(organization)
    BotVersion.objects.create(bot=bot, number=1, document=flow(media(store(organization))))
    BotVersion.objects.create(bot=bot, number=2, document=flow())
    grow_old()
    assert delete_unused_files() == 0

    bot.delete()
    assert delete_unused_files() == 1


@pytest.mark.parametrize("column", AutomaticMessages.MESSAGES)
def test_a_file_in_an_automatic_message_stays(store: Store, organization, number, column: str) -> None:
    """Also while the message is switched off."""
    AutomaticMessages.objects.create(number=number, **{column: media(store(organization))})
    grow_old()
    assert delete_unused_files() == 0

    AutomaticMessages.objects.update(**{column: WITHOUT_FILE})
    assert delete_unused_files() == 1


def test_all_columns_of_automatic_messages_are_searched() -> None:
    messages = {field.name for field in AutomaticMessages._meta.get_fields() if isinstance(field, JSONField) and field.null}
    assert messages == set(AutomaticMessages.MESSAGES)


def test_the_file_of_a_queued_message_is_sent_although_nothing_names_it(
    meta,
    publish,  # noqa: F811
    hub,
    store: Store,
    organization,
) -> None:
    bot = publish(flow(media(store(organization))))
    hub.deliver(text_body("w1", now(), text="oi", sender=JOELMA))
    Worker([lane for lane in LANES if lane is not sender.LANE], []).run_due()
    assert QueuedMessage.objects.count() == 1
    bot.delete()
    grow_old()

    assert delete_unused_files() == 1

    assert storage_used(organization) == len(PDF)  # the message has the file
    apply_all()
    (sent,) = meta.sent()
    assert downloaded(meta, sent["request"]["document"]["id"]) == PDF


def test_a_file_is_kept_or_deleted_by_what_its_own_organization_names(store: Store, organization) -> None:
    other = Organization.objects.create(organization_name="Outra")
    ours, theirs = store(organization), store(other)
    new_bot(organization, draft=flow(media(theirs)))  # an imported flow may name a file of others
    new_bot(other, draft=flow(media(theirs)))
    grow_old()

    assert delete_unused_files() == 1

    assert list(BotFile.objects.all()) == [theirs]
    assert not BotFile.objects.filter(pk=ours.pk).exists()
    assert [storage_used(each) for each in (organization, other)] == [0, len(PDF)]
    with theirs.file.open("rb") as file:
        assert file.read() == PDF


def test_of_the_same_content_under_two_names_each_is_a_file_of_its_own(store: Store, organization) -> None:
    named, _unused = store(organization), store(organization, "menu.pdf")
    new_bot(organization, draft=flow(media(named)))
    grow_old()

    assert delete_unused_files() == 1

    with named.file.open("rb") as file:
        assert file.read() == PDF
    assert storage_used(organization) == len(PDF)
