"""The rows that belong to contacts, of all models. Models of later versions are included: the list is Django's."""

from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps
from django.db.models import CASCADE, BigIntegerField, ForeignObjectRel, QuerySet

from contacts.models import Contact


def related_rows(contacts: Collection[int]) -> Iterator[QuerySet[Any]]:
    """Yields the rows of each model that are deleted with these contacts, and of each model that only has their ids, such as queued
    events. The rows of erasures are not among them."""
    for relation in Contact._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is CASCADE:  # many of them have no name on the contact
            yield relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": contacts})
    for model in apps.get_models():
        has_id = any(each.name == "contact_id" and isinstance(each, BigIntegerField) for each in model._meta.concrete_fields)
        if has_id and model._meta.app_label != "privacy":
            yield model._default_manager.filter(contact_id__in=contacts)
