"""Which addresses requests of bots may use."""

from typing import Any

import pytest

from bots.remote.rights import addresses_of
from bots.web_requests.allow_list import AllowList
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_simulated_numbers_and_tests_of_their_organization_reach_the_stand_in(
    organization: Organization, numbers: dict[str, PhoneNumber], settings: Any
) -> None:
    settings.SIMULATOR, settings.BOT_ALLOWED_ADDRESSES = True, AllowList()
    real, simulated, _other = numbers.values()

    assert addresses_of(organization.pk) == AllowList()
    simulated.is_simulated = True
    simulated.save(update_fields=["is_simulated"])
    assert addresses_of(organization.pk, real) == AllowList()
    for reaching in (addresses_of(organization.pk, simulated), addresses_of(organization.pk)):
        assert [each.port for each in reaching.entries] == [settings.SIMULATOR_PORT]
    other = Organization.objects.create(organization_name="Outra")
    assert addresses_of(other.pk) == AllowList()
