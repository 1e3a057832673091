"""Admin of API keys: which there are, and revoking them. Organizations make keys on their page."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from api.keys.services import revoke_key
from api.models import ApiKey
from organizations.admin.display import EMPTY, format_time, time_column
from organizations.admin.model_admins import HubModelAdmin, ReadOnlyAdmin, selected_ids


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin, HubModelAdmin[ApiKey]):
    """Superusers can only revoke keys."""

    intro = _("Keys by which programs use the API. Each belongs to one organization, which makes it on its own page.")
    list_display = ("name", "organization", "start", "scope_words", "created", "last_used", "expires", "revoked")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "organization__organization_name", "start")
    related = ("organization", "use")
    deferred = ("digest",)
    fields = (
        *("name", "organization", "start", "scope_words", "number_words"),
        *("created_by", "created", "last_used", "expires", "revoked"),
    )
    readonly_fields = fields
    actions = ("revoke",)

    created = time_column(ApiKey, "create_in")
    expires = time_column(ApiKey, "expires_at")
    revoked = time_column(ApiKey, "revoked_at")

    @admin.display(description=_("may"))
    def scope_words(self, key: ApiKey) -> str:
        return ", ".join(map(str, key.scopes))

    @admin.display(description=_("numbers"))
    def number_words(self, key: ApiKey) -> str:
        return EMPTY if key.numbers is None else ", ".join(key.numbers)

    @admin.display(description=_("last used"))
    def last_used(self, key: ApiKey) -> str:
        return format_time(key.use.minute) if hasattr(key, "use") else EMPTY

    @admin.action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = timezone.now()
        keys = ApiKey.objects.filter(pk__in=selected_ids(queryset))
        count = sum(revoke_key(key=key, now=now) for key in keys)
        words = ngettext("%(count)s key was revoked.", "%(count)s keys were revoked.", count)
        self.message_user(request, words % {"count": count})
