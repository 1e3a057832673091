"""Where the models of a request are read."""

from typing import Any

from django.db.models import Model

from jobs.replicas import PRIMARY, current_reads

SIGN_IN = frozenset(
    {
        ("sessions", "session"),
        ("organizations", "user"),
        ("api", "apikey"),
        ("api", "apikeyuse"),
        ("django_cache", "cacheentry"),
    }
)
"""Models that are always read from the primary: who signs in, and how often. Not the memberships: their query also reads the
organization's revision, which must not be newer than what the page shows."""


class ReplicaRouter:
    """Django's router of databases."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        reads = current_reads()
        is_sign_in = (model._meta.app_label, model._meta.model_name) in SIGN_IN
        return PRIMARY if reads is None or is_sign_in else reads.alias()

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return PRIMARY

    def allow_relation(self, *models: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == PRIMARY
