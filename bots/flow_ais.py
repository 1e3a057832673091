"""The AIs of an organization that its flows may ask."""

from collections.abc import Mapping
from typing import Any

from bots.models import Bot, BotKind

AI_STEPS = ("ai_answer", "ai_branch")


def ais_of(organization_id: int | None) -> dict[str, str]:
    """Returns the names of the organization's AIs by their keys, in the order of the names."""
    ais = Bot.objects.filter(organization=organization_id, kind=BotKind.AI).order_by("name", "pk")
    return dict(ais.values_list("key", "name"))


def askable_ais(organization_id: int | None, document: Mapping[str, Any]) -> frozenset[str]:
    """Returns the keys of the AIs that a flow asks and the organization has. Makes no query for a flow that asks none."""
    wanted = {str(step["ai"]) for step in document.get("steps", ()) if step["type"] in AI_STEPS}
    return frozenset(wanted & ais_of(organization_id).keys()) if wanted else frozenset()
