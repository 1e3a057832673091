"""The worker applies any stored body: each item is applied, waits for its number, or is held because it cannot be understood."""

from django.db.models import Q

from chats.models import Message
from conftest import apply_all, payload
from jobs.models import State
from organizations.credentials.signers import Signature
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import HeldItem, Webhook
from webhooks.processing.hold_reasons import Reason

MAX_SHOWN = 5_000
"""Characters of a body that a failure shows."""
BODIES = 20
"""Odd bodies that are applied together with a whole one."""
WAMID = "wamid.whole"
WHOLE = payload("01_text.json").replace(b"wamid.HBgMNTU2MTgxNTAwNTg2FQIAEhgUM0I2RjgwM0ZDQ0YyOEYzNzhBNTcA", WAMID.encode())


def test_the_worker_applies_any_body(hub, numbers, organization, mutator, rounds, seed, report) -> None:
    applied = 0
    signature = Signature((organization.pk,), "")
    for number in rounds:
        bodies = [mutator.body() for _ in range(BODIES)]
        bodies.insert(mutator.random.randint(0, BODIES), WHOLE)
        assert store_bodies([SignedBody(body, signature) for body in bodies]) == [None] * len(bodies)
        apply_all()
        what = f"seed {seed}, round {number}"
        assert list(Webhook.objects.filter(state=State.DUE).values_list("pk", "reason")) == [], what
        failed = HeldItem.objects.filter(cause=HeldItem.Cause.FAILED).filter(~Q(reason__startswith=Reason.MESSAGE_UNKNOWN))
        assert [(item.reason, item.webhook.json[:MAX_SHOWN]) for item in failed] == [], what
        applied += BODIES
        Webhook.objects.all().delete()
        assert Message.objects.filter(wamid=WAMID).exists(), what
    report(f"pipeline: {applied} bodies, {Message.objects.count()} messages, seed {seed}")
