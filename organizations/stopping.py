"""A number that may not send: Meta has refused it for a reason that only an administrator can mend. Its queue is kept meanwhile."""

from datetime import datetime

from organizations.live import announce
from organizations.models import Organization, PhoneNumber, User


def stop_sending(phone_number_id: str, *, code: int, now: datetime) -> None:
    """The number sends nothing until somebody lets it go on, or a try succeeds. In the caller's transaction, which announces it."""
    PhoneNumber.objects.filter(phone_number_id=phone_number_id).update(sending_stopped_at=now, sending_stopped_code=code)


def note_it_sends(phone_number_id: str) -> None:
    """A try has succeeded. In the caller's transaction, which announces it."""
    PhoneNumber.objects.filter(phone_number_id=phone_number_id).update(sending_stopped_at=None, sending_stopped_code=None)


def resume_sending(*, number: PhoneNumber, by: User) -> None:
    """An administrator says that it is mended: the number's queue is sent, or stops again at its first message."""
    note_it_sends(number.phone_number_id)
    announce([number.organization_id])


def stopped_numbers(organization: Organization) -> list[PhoneNumber]:
    """The organization's numbers that send nothing, without their secrets."""
    stopped = PhoneNumber.objects.filter(organization=organization, activate=True, sending_stopped_at__isnull=False)
    return list(stopped.defer(*PhoneNumber.SECRETS).order_by("pk"))
