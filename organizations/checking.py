"""Asking Meta whether a number's secrets are right, when they are given: a wrong one is found then, not by the first message."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from cloud_api.errors import TOKEN_REFUSED, explained
from cloud_api.graph import GraphError
from cloud_api.wa_ids import same_person_key
from organizations.graph import graph_for
from organizations.live import announce
from organizations.models import PhoneNumber
from organizations.services import opened

PER_SECOND = {"STANDARD": 80, "HIGH": 1_000}
"""Messages a second by Meta's throughput level (reference 9.1)."""
WITH_PHONE_APP = 20


class SecretRefused(Exception):
    """Meta does not take a secret: `field` is the one, `words` say why, for whoever pasted it."""

    def __init__(self, field: str, words: Any) -> None:
        super().__init__(field)
        self.field = field
        self.words = words


@dataclass(frozen=True, slots=True)
class Checked:
    """What Meta said. Nothing is wrong with what is not `reached`; it is only not known to be right."""

    reached: bool
    other_number: str = ""
    """The digits of the number that the phone number ID is of, if they are not those that were typed."""


def check_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str) -> Checked:
    """Call Graph with these secrets, or those that are stored where one is empty. What it tells of the number is kept, and its
    account is subscribed. Raises SecretRefused."""
    candidate = PhoneNumber(
        phone_number_id=number.phone_number_id,
        is_simulated=number.is_simulated,
        meta_token=meta_token or opened(number, "meta_token") or "",
        app_secret=app_secret or opened(number, "app_secret") or "",
    )
    graph = graph_for(candidate)
    try:
        told = graph.number(number.phone_number_id)
    except GraphError as refusal:
        if refusal.code is None:
            return Checked(reached=False)
        raise _refused(refusal) from None
    _learn_throughput(number, told)
    if number.waba_id:
        with suppress(GraphError):  # then the set-up's next page says how it is done by hand
            graph.subscribe_app(number.waba_id)
    return Checked(True, _other_number(number, told))


def _refused(refusal: GraphError) -> SecretRefused:
    if "proof" in str(refusal):
        return SecretRefused("app_secret", _("This app secret does not belong to the app that the access token was made for."))
    if refusal.code in (0, TOKEN_REFUSED):
        return SecretRefused("meta_token", _("Meta does not accept this access token: it is wrong, has expired or was withdrawn."))
    if refusal.code in (10, 33, 100) or 200 <= (refusal.code or 0) <= 299:
        words = _(
            "The access token is good, but does not open this number. In Meta's business settings, give its system user the "
            "WhatsApp account and the permissions whatsapp_business_messaging and whatsapp_business_management; and check the "
            "Phone number ID."
        )
        return SecretRefused("meta_token", words)
    return SecretRefused("meta_token", _(explained(refusal.code or 0).words))


def _other_number(number: PhoneNumber, told: Mapping[str, Any]) -> str:
    digits = "".join(filter(str.isdigit, str(told.get("display_phone_number", ""))))
    return digits if digits and same_person_key(digits) != same_person_key(number.wa_id) else ""


def _learn_throughput(number: PhoneNumber, told: Mapping[str, Any]) -> None:
    throughput = told.get("throughput")
    level = throughput.get("level") if isinstance(throughput, dict) else None
    per_second = WITH_PHONE_APP if told.get("is_on_biz_app") is True else PER_SECOND.get(str(level))
    if per_second and per_second != number.messages_per_second:
        PhoneNumber.objects.filter(pk=number.pk).update(messages_per_second=per_second)
        announce([number.organization_id])
