"""The first steps on a new hub: what users try with the simulator before they connect their own number."""

from dataclasses import dataclass

from django.conf import settings

from chats.models import Message, MessageStatus, Origin
from contacts.models import Contact
from organizations.models import Organization
from simulator.demonstration import simulated_number

ANA = "556195550186"
"""The key and the wa_id of the sample customer whose message has no answer yet."""
MAX_READ = 200
"""Messages that are read, the latest first."""


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Which steps are done."""

    conversation: int | None
    """The id of Ana's contact, after her message was received."""
    has_answered: bool
    has_seen_ticks: bool
    has_seen_failure: bool
    has_connected: bool
    """Whether Meta has checked the callback URL of an own number: its set-up is finished."""
    has_ai: bool
    """Whether an AI answers a sample customer, which is not a step."""

    @property
    def done(self) -> int:
        return sum((self.has_answered, self.has_seen_ticks, self.has_seen_failure, self.has_connected))

    total = 4


def first_steps(organization: Organization) -> FirstSteps | None:
    """Returns the organization's progress, or None if no steps are shown.

    They are not shown without the simulator, after all steps are done, after an own number has received a webhook, or after a user
    has dismissed them. At most four queries, and none for an organization that shows no steps.
    """
    if not (settings.SIMULATOR and organization.first_run):
        return None
    number = simulated_number(organization)
    own = organization.numbers.filter(is_simulated=False, replaced_by=None)
    connections = list(own.values_list("handshake_at", "first_webhook_at")[:MAX_READ])
    if number is None or any(first_webhook_at for _, first_webhook_at in connections):
        return None
    ana = Contact.objects.filter(create_for_phone_number=number, wa_id=ANA).values_list("pk", flat=True).first()
    sent = Message.objects.filter(phone_number=number, is_user_message=False, origin=Origin.STAFF).order_by("-create_in")
    statuses = list(sent.values_list("contact", "message_status")[:MAX_READ])
    steps = FirstSteps(
        conversation=ana,
        has_answered=any(contact == ana for contact, _ in statuses),
        has_seen_ticks=any(status in (MessageStatus.READ, MessageStatus.PLAYED) for _, status in statuses),
        has_seen_failure=any(status == MessageStatus.FAILED for _, status in statuses),
        has_connected=any(handshake_at for handshake_at, _ in connections),
        has_ai=bool(number.default_ai),
    )
    return None if steps.done == FirstSteps.total else steps


def dismiss(organization: Organization) -> None:
    """Hides the steps."""
    Organization.objects.filter(pk=organization.pk).update(first_run=False)
