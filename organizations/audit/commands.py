"""The base class of commands whose changes are recorded."""

from typing import Any

from django.core.management.base import BaseCommand

from organizations.audit.context import Actor, act_as
from organizations.models import ActorKind


class OperatorCommand(BaseCommand):
    """Entries that the command causes name it as their actor."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with act_as(Actor(ActorKind.OPERATOR, label=f"manage.py {self.__module__.rpartition('.')[2]}")):
            return super().execute(*args, **options)
