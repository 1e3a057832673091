"""Which addresses requests of an organization may use, beyond public ones over https."""

from django.conf import settings

from bots.web_requests.allow_list import AllowList
from bots.web_requests.operator_list import with_stand_in
from organizations.models import PhoneNumber


def addresses_of(organization_id: int, number: PhoneNumber | None = None) -> AllowList:
    """Returns what requests for a number of the organization may use. Without a number, such as for a test, the organization has
    the rights of a simulated number if it has one."""
    if number is not None:
        return allowed_addresses(organization_id, is_simulated=number.is_simulated)
    has_simulated = PhoneNumber.objects.filter(organization=organization_id, is_simulated=True).exists()
    return allowed_addresses(organization_id, is_simulated=has_simulated)


def allowed_addresses(organization_id: int, *, is_simulated: bool) -> AllowList:
    """Returns what the operator opens to the organization. Requests for simulated numbers may also use the simulator's stand-in."""
    allowed: AllowList = settings.BOT_ALLOWED_ADDRESSES.for_organization(organization_id)
    return with_stand_in(allowed) if is_simulated else allowed
