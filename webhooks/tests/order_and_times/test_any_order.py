"""Times decide, not arrival: the same deliveries in any order, any number of times, give the same rows."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chats.models import Message, StatusEvent
from conftest import Hub, apply_all
from contacts.models import Contact, ContactChange, RetiredIdentity
from jobs.models import State
from organizations.credentials.signers import Signature
from organizations.models import AccountEvent
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import HOUR, START, body, history_body, message, status_body, text_body, value

Delivery = bytes
Era = tuple[str, str]
"""A person's phone and BSUID between two changes."""

ANA: tuple[Era, ...] = (("556181500586", "BR.1001"), ("556181500599", "BR.1002"), ("5511987654021", "BR.1003"))
BIA: tuple[Era, ...] = (("5531971204455", "BR.2001"), ("556181500586", "BR.2002"))
"""Her second phone was Ana's first."""


KINDS = ("text", "text", "hidden", "echo", "echo", "history", "both", "notice", "reaction", "edit", "revoke")


class Story:
    """What happens on one number in a week, as deliveries of Meta's."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.deliveries: list[Delivery] = []
        self.customers: list[tuple[str, Era]] = []
        self.echoes: list[str] = []

    def hour(self, first: int, last: int) -> int:
        return START + HOUR * self.draw(st.integers(first, last)) + self.draw(st.sampled_from((0, 0, 1, 1800)))

    def live(self, name: str, eras: Sequence[Era], changes: Sequence[int]) -> None:
        """A person writes and is written to in each of their eras; the changes between happen at these hours."""
        ends = [0, *changes, 24 * 7]
        for place, era in enumerate(eras):
            first, last = ends[place] + (place > 0), ends[place + 1] - 1
            for turn in range(self.draw(st.integers(1, 4))):
                self.speak(f"{name}.{place}.{turn}", era, self.hour(first, last))
            if place:
                self.change(f"{name}.change.{place}", eras[place - 1], era, START + HOUR * changes[place - 1])

    def speak(self, wamid: str, era: Era, at: int) -> None:
        phone, bsuid = era
        kind = self.draw(st.sampled_from(KINDS))
        if kind == "echo":
            self.echo(wamid, era, at)
        elif kind == "history":
            self.deliveries.append(history_body(f"wamid.h.{wamid}", at, sender=phone, bsuid=bsuid))
        elif kind == "notice":
            system = {"type": "customer_identity_changed", "body": "…"}
            received = message(f"wamid.n.{wamid}", at, sender=phone, bsuid=bsuid) | {"type": "system", "system": system}
            self.deliveries.append(body(value(messages=[received])))
        elif kind in ("reaction", "edit", "revoke") and self.customers:
            self.act(kind, f"wamid.a.{wamid}", era, at)
        else:
            received = message(f"wamid.{wamid}", at, text=f"text {wamid}", sender=None if kind == "hidden" else phone, bsuid=bsuid)
            self.customers.append((f"wamid.{wamid}", era))
            profile = {"name": f"{era[1]} at {at}", "username": f"@user{at % 3}"} if at % 2 else {"name": f"{era[1]} at {at}"}
            who = {"profile": profile, "user_id": bsuid} | ({} if kind == "hidden" else {"wa_id": phone})
            self.deliveries.append(body(value(contacts=[who], messages=[received])))
            if kind == "both":  # the phone app's history has it too
                self.deliveries.append(history_body(f"wamid.{wamid}", at, sender=phone, bsuid=bsuid))

    def act(self, kind: str, wamid: str, era: Era, at: int) -> None:
        """On a message of anybody's: one that is not the person's own is left alone by edits and deletions."""
        target, _ = self.draw(st.sampled_from(self.customers))
        content = {
            "reaction": {"message_id": target, "emoji": self.draw(st.sampled_from(("👍", "🙏", "")))},
            "edit": {"original_message_id": target, "message": {"type": "text", "text": {"body": f"edited {at}"}}},
            "revoke": {"original_message_id": target},
        }[kind]
        received = message(wamid, at, sender=era[0], bsuid=era[1]) | {"type": kind, kind: content}
        self.deliveries.append(body(value(messages=[received])))

    def echo(self, wamid: str, era: Era, at: int) -> None:
        received: dict[str, Any] = {
            "from": "556133214400",
            "to": era[0],
            "to_user_id": era[1],
            "id": f"wamid.e.{wamid}",
            "timestamp": str(at),
        }
        received |= {"type": "text", "text": {"body": f"answer {wamid}"}}
        self.deliveries.append(body(value(message_echoes=[received]), field="smb_message_echoes"))
        for status in self.draw(st.lists(st.sampled_from(("sent", "delivered", "read", "failed", "played", "odd")), max_size=4)):
            self.deliveries.append(status_body(f"wamid.e.{wamid}", status, at + 5))

    def change(self, wamid: str, old: Era, new: Era, at: int) -> None:
        system = {"type": "user_changed_number", "body": "…", "wa_id": new[0], "user_id": new[1], "previous_user_id": old[1]}
        received = {"from": old[0], "id": f"wamid.{wamid}", "timestamp": str(at), "type": "system", "system": system}
        self.deliveries.append(body(value(messages=[received])))


@st.composite
def stories(draw: Any) -> list[Delivery]:
    story = Story(draw)
    story.live("ana", ANA[: draw(st.integers(1, 3))], [draw(st.integers(12, 40)), draw(st.integers(60, 90))])
    story.live("bia", BIA[: draw(st.integers(1, 2))], [draw(st.integers(100, 150))])
    flagged = {"event": "FLAGGED", "display_phone_number": "556133214400", "timestamp": START}
    story.deliveries.append(body(flagged, field="phone_number_quality_update"))
    return story.deliveries


def deliver(deliveries: Iterable[Delivery], *, at_once: int) -> None:
    """Store them, so many at a time, and apply them before the next come."""
    waiting = list(deliveries)
    while waiting:
        assert not any(store_bodies([SignedBody(each, Signature(None)) for each in waiting[:at_once]]))
        del waiting[:at_once]
        apply_all()


def forget() -> None:
    for model in (StatusEvent, Message, AccountEvent, HeldItem, Webhook, RetiredIdentity, Contact):
        model.objects.all().delete()


NEVER_THE_SAME = {"id", "updated_at", "webhook_id", "contact_id", "conflicts_with_id", "digest", "organization_id"}
NEVER_THE_SAME |= {"retired_at"}  # of a phone that went to somebody else: the first time that was seen


def rows() -> dict[str, list[Any]]:
    """All that the deliveries left, without ids and times of the hub's own."""
    people: dict[Any, Any] = {each.pk: (each.wa_id, each.bsuid) for each in Contact.objects.all()}
    received: dict[str, list[Any]] = {}
    for model in (Contact, ContactChange, RetiredIdentity, Message, StatusEvent, AccountEvent):
        received[model.__name__] = sorted(
            repr(
                {name: each for name, each in row.items() if name not in NEVER_THE_SAME}
                | {"person": people.get(row.get("contact_id")), "rival": people.get(row.get("conflicts_with_id"))}
            )
            for row in model.objects.values()
        )
    received["Held"] = sorted(HeldItem.objects.values_list("state", "reason"))
    return received


@pytest.mark.usefixtures("numbers")
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making a failure smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_in_the_same_rows(story: list[Delivery], dice: random.Random) -> None:
    forget()
    deliver(story, at_once=len(story))
    expected = rows()
    assert not expected["Held"]

    shuffled = [*story, *dice.choices(story, k=len(story) // 2)]
    dice.shuffle(shuffled)
    forget()
    deliver(shuffled, at_once=dice.choice((1, 2, 5, len(shuffled))))
    for kind, found in rows().items():
        assert found == expected[kind]


def test_a_repeated_message_stays_in_the_session_to_which_an_earlier_one_moves_it(hub: Hub, numbers):
    hub.deliver(text_body("wamid.second", START + HOUR))
    hub.deliver(text_body("wamid.first", START))
    hub.deliver(text_body("wamid.second", START + HOUR))
    repeated = Webhook.objects.latest("pk")
    others = Webhook.objects.exclude(pk=repeated.pk)
    others.update(state=State.WAITING)  # another worker is faster with the repetition
    apply_all()
    assert Message.objects.get().webhook_id == repeated.pk
    others.make_due()
    apply_all()
    assert Message.objects.values("session_id").distinct().count() == 1
    assert not Message.objects.filter(webhook_id=repeated.pk).exists(), "the first to tell it told it"
