"""Reads numbers and their states."""

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from organizations.models import PhoneNumber
from organizations.numbers.setup import required_secrets
from organizations.numbers.states import NumberState, derive_state


def derive_states(numbers: QuerySet[PhoneNumber]) -> dict[PhoneNumber, NumberState]:
    """Returns these numbers, without their secrets, and the state of each. One query, if their organizations are selected."""
    rows: Iterable[Any] = annotate_has_secrets(numbers).defer(*PhoneNumber.SECRETS)  # each has the annotation
    now = timezone.now()
    return {number: derive_state(number, has_secrets=number.has_secrets, now=now) for number in rows}


def annotate_has_secrets(numbers: QuerySet[PhoneNumber]) -> QuerySet[PhoneNumber]:
    """Annotates each with `has_secrets`: whether it has all required secrets. No secret is decrypted."""
    each_set = [~Q(**{column: ""}) for column in required_secrets()]
    return numbers.annotate(has_secrets=ExpressionWrapper(reduce(and_, each_set), output_field=BooleanField()))
