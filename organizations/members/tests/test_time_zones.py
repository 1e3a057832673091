"""The time zones to choose from."""

import zoneinfo

from django.utils.translation import override

from organizations.members.time_zones import CITIES, time_zones


def test_every_zone_is_a_choice_under_its_region() -> None:
    with override("en"):
        regions = {str(label): dict(zones) for label, zones in time_zones("Brazil/East") if not isinstance(zones, str)}
        others = [zone for zone, label in time_zones("Brazil/East") if isinstance(label, str)]

    assert regions["America"]["America/Sao_Paulo"] == "São Paulo"
    assert regions["America"]["America/New_York"] == "New York"
    assert regions["America"]["America/Argentina/Salta"] == "Argentina / Salta"
    assert regions["Pacific Ocean"]["Pacific/Easter"] == "Easter"
    assert others == ["UTC", "Brazil/East"]


def test_the_names_with_accents_belong_to_zones_that_exist() -> None:
    assert set(CITIES) - zoneinfo.available_timezones() == set()
