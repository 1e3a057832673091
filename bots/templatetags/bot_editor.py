"""Parts of the form of a step, in the page of the editor."""

from typing import Any

from django import template
from django.template import Context

from bots.editor.cards import Card, field_id_of
from bots.editor.edits import item_id
from bots.editor.forms.fields import Field, Item, ItemList

register = template.Library()


@register.inclusion_tag("bots/editor/_field.html", takes_context=True)
def step_field(context: Context, card: Card, field: Field) -> dict[str, Any]:
    """A field of the form of a step, with its problems."""
    return {
        "field": field,
        "card": card,
        "id": field_id_of(card.id, field.path),
        "problems": card.problems_by_path.get(field.path, []),
        "size": len(str(field.value)),
        "access": context["access"],
        "accepted_types": context["accepted_types"],
    }


@register.simple_tag
def item_element(card: Card, items: ItemList, item: Item) -> str:
    """The id of an item's element."""
    return item_id(card.id, items.path, item.index)


@register.filter
def problems_of_step(card: Card) -> list[Any]:
    """The problems that belong to no field of the card."""
    return [problem for problem in card.problems if not problem.path]


@register.filter
def kind_of_part(part: object) -> str:
    """`field`, `itemlist` or `section`."""
    return type(part).__name__.lower()
