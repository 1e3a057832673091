"""The card with the first steps, for the inbox."""

from typing import Any

from django import template

from simulator.first_steps import ANA, first_steps

register = template.Library()


@register.inclusion_tag("simulator/_first_steps.html", takes_context=True, name="first_steps")
def show_first_steps(context: Any) -> dict[str, Any]:
    """Shows the card to administrators of the page's organization."""
    access = context["access"]
    steps = first_steps(access.organization) if access.is_admin else None
    return {"steps": steps, "ana": ANA, "access": access, "csrf_token": context.get("csrf_token")}
