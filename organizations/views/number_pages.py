"""What the pages of a number share: the number, its state, storing its secrets, and the values to enter at Meta."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings as site
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext

from cloud_api.wa_ids import formatted
from organizations.models import PhoneNumber
from organizations.numbers.credential_checks import SecretRefused, StoredSecrets, store_secrets
from organizations.numbers.forms import SecretsForm
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.setup import (
    CALLBACK_PATH,
    required_secrets,
)
from organizations.numbers.states import NumberState, derive_state
from organizations.permissions import Access
from organizations.site_urls import site_url

FRAME = {"section": "settings", "part": "numbers"}


def store_checked_secrets(request: HttpRequest, access: Access, number: PhoneNumber, form: SecretsForm) -> StoredSecrets | None:
    """Stores the secrets if Meta accepts them or does not respond, and adds messages about Meta's response. Returns None and adds
    a form error if Meta refuses them."""
    try:
        stored = store_secrets(number=number, by=access.user, **form.cleaned_data)
    except SecretRefused as error:
        form.add_error(error.field, error.words)
        return None
    checked = stored.checked
    if checked is None:
        return stored
    if not checked.reached:
        messages.warning(request, gettext("Meta did not answer, so the secrets are saved without having been checked."))
    elif checked.other_number:
        words = gettext("Careful: at Meta this Phone number ID belongs to %(number)s.")
        messages.warning(request, words % {"number": formatted(checked.other_number)})
    if checked.opens_account is False:
        words = gettext("At Meta this number is not one of account %(account)s, or the access token does not open that account.")
        messages.warning(request, words % {"account": number.waba_id})
    return stored


def meta_panel_context(request: HttpRequest, access: Access, number: PhoneNumber) -> dict[str, Any]:
    """Returns the values that an administrator has to enter in Meta's panel."""
    callback_url = site_url(request, f"{CALLBACK_PATH}{access.organization.key}/")
    return {
        "callback": callback_url,
        "callback_is_reachable": is_reachable(callback_url),
        "verify_token": read_secret(number, "webhook_verify_token"),
        "curl": f"curl -X POST {site.META_GRAPH_URL}/{site.META_GRAPH_VERSION}/{number.waba_id or '<WABA ID>'}/subscribed_apps"
        ' -H "Authorization: Bearer <token>"',
    }


def is_reachable(url: str) -> bool:
    """Whether Meta may be able to call the URL: it has https, and its host is not in a private network as far as the name shows."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host and not host.endswith((".localhost", ".local", ".internal", ".lan"))
    return parts.scheme == "https" and is_public


def current_state(number: PhoneNumber) -> NumberState:
    has_secrets = all(read_secret(number, column) != "" for column in required_secrets())
    return derive_state(number, has_secrets=has_secrets, now=timezone.now())


def get_number(access: Access, number_id: int) -> PhoneNumber:
    """Returns the organization's number. If one of its secrets cannot be decrypted, all secrets are deferred, so that the number's
    pages still work. Raises Http404."""
    rows = PhoneNumber.objects.filter(organization=access.organization, replaced_by=None)
    try:
        number = get_object_or_404(rows, pk=number_id)
    except InvalidToken:
        number = get_object_or_404(rows.defer(*PhoneNumber.SECRETS), pk=number_id)
    number.organization = access.organization
    return number
