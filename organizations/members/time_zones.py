"""The time zones to choose from, by region."""

import zoneinfo
from typing import Any

from django.utils.translation import gettext_lazy as _

REGIONS = {
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Arctic": _("Arctic"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic Ocean"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific Ocean"),
}
CITIES = {
    "America/Araguaina": "Araguaína",
    "America/Argentina/Cordoba": "Argentina / Córdoba",
    "America/Argentina/Rio_Gallegos": "Argentina / Río Gallegos",
    "America/Argentina/Tucuman": "Argentina / Tucumán",
    "America/Asuncion": "Asunción",
    "America/Bahia_Banderas": "Bahía de Banderas",
    "America/Belem": "Belém",
    "America/Bogota": "Bogotá",
    "America/Cancun": "Cancún",
    "America/Ciudad_Juarez": "Ciudad Juárez",
    "America/Cuiaba": "Cuiabá",
    "America/Eirunepe": "Eirunepé",
    "America/Maceio": "Maceió",
    "America/Mazatlan": "Mazatlán",
    "America/Merida": "Mérida",
    "America/Noronha": "Fernando de Noronha",
    "America/Panama": "Panamá",
    "America/Santarem": "Santarém",
    "America/Sao_Paulo": "São Paulo",
    "Atlantic/Azores": "Açores",
    "Africa/Sao_Tome": "São Tomé",
}
"""Cities whose names the time zone database writes without accents. Only those where people speak Portuguese or Spanish: all names
in three languages would need the locale data of Babel, 30 MB."""


def time_zones(current: str) -> list[tuple[Any, Any]]:
    """Returns the time zones to choose from, by region. The current one is always among them."""
    names = sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in REGIONS)
    regions = [(label, [(name, _city(name)) for name in names if name.startswith(f"{key}/")]) for key, label in REGIONS.items()]
    others = [("UTC", "UTC")] + ([(current, current)] if current and current not in {"UTC", *names} else [])
    return [*regions, *others]


def _city(name: str) -> str:
    return CITIES.get(name) or name.partition("/")[2].replace("_", " ").replace("/", " / ")


def zone_text(name: str) -> str:
    """Returns the city of a time zone, or the name of a zone without one."""
    return _city(name) or name
