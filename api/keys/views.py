"""The settings page of API keys, for administrators."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from api.keys.forms import ApiKeyForm
from api.keys.services import CreatedKey, KeyExists, create_key, keys_of, revoke_key
from api.models import ApiKey, Scope
from contacts.selectors import numbers_of
from contacts.services import InvalidInput
from organizations.models import PhoneNumber
from organizations.permissions import Access, for_admins

MAX_REVOKED = 50
"""Revoked keys that the page shows at most, the last ones."""


@for_admins
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_keys(request: HttpRequest, access: Access) -> HttpResponse:
    """The keys, and the form for a new one. After it was posted, the page shows the new key this once."""
    numbers = numbers_of(access.organization)
    form = ApiKeyForm(request.POST if request.method == "POST" else None, numbers=numbers)
    if request.method != "POST" or not form.is_valid():
        return _page(request, access, form, numbers)
    now, cleaned = timezone.now(), form.cleaned_data
    try:
        created = create_key(
            organization=access.organization,
            name=cleaned["name"],
            scopes=cleaned["scopes"],
            numbers=cleaned["numbers"] or None,
            expires_at=form.expires_at(now),
            form_token=cleaned["token"],
            by=access.user,
            now=now,
        )
    except KeyExists:
        messages.info(request, gettext("This key was made already, and is shown only once."))
        return redirect("api_keys", access.organization.pk)
    except InvalidInput as refusal:
        form.add_error(None, refusal.args[0])
        return _page(request, access, form, numbers)
    return _page(request, access, ApiKeyForm(numbers=numbers), numbers, created=created)


@for_admins
@require_POST
def revoke(request: HttpRequest, access: Access, key_id: int) -> HttpResponse:
    key = get_object_or_404(keys_of(access.organization), pk=key_id)
    revoke_key(key=key, now=timezone.now())
    messages.success(request, gettext("The key %(name)s was revoked. No program can use it any more.") % {"name": key})
    return redirect("api_keys", access.organization.pk)


def _page(
    request: HttpRequest,
    access: Access,
    form: ApiKeyForm,
    numbers: list[PhoneNumber],
    *,
    created: CreatedKey | None = None,
) -> HttpResponse:
    names = {each.phone_number_id: each.shown_name for each in numbers}
    keys = keys_of(access.organization)
    rows = [_row(key, names) for key in keys.filter(revoked_at=None)]
    revoked = [_row(key, names) for key in keys.exclude(revoked_at=None).order_by("-revoked_at", "-pk")[:MAX_REVOKED]]
    context: dict[str, Any] = {"rows": rows, "revoked": revoked, "form": form, "created": created}
    context |= {"now": timezone.now(), "limit": settings.API_REQUESTS_PER_MINUTE, "section": "settings", "part": "api_keys"}
    return render(request, "api/keys.html", context, status=422 if form.errors else 200)


def _row(key: ApiKey, names: dict[str, str]) -> dict[str, Any]:
    return {
        "key": key,
        "scopes": [Scope(each).label for each in key.scopes if each in Scope.values],
        "numbers": None if key.numbers is None else [names.get(each, each) for each in key.numbers],
        "has_expired": key.has_expired(timezone.now()),
        "last_use": key.use if hasattr(key, "use") else None,
    }
