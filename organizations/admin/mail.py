"""Admin of queued e-mails."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organizations.admin.display import format_time
from organizations.admin.model_admins import (
    HubModelAdmin,
    ReadOnlyAdmin,
    selected_ids,
)
from organizations.models import Mail


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin, HubModelAdmin[Mail]):
    """E-mails that are not sent yet, or that could not be sent."""

    intro = _("E-mails that wait for the mail server, or that it refused. One that was sent is deleted.")
    list_display = ("created", "to", "subject", "state", "attempts", "reason")
    deferred = ("text",)
    fields = ("created", "to", "subject", "state", "attempts", "reason", "usable_until")
    readonly_fields = fields
    actions = ("send_again",)

    @admin.display(description=_("created"))
    def created(self, mail: Mail) -> str:
        return format_time(mail.create_in)

    @admin.display(description=_("of use until"))
    def usable_until(self, mail: Mail) -> str:
        return format_time(mail.expires_at)

    @admin.action(description=_("Try to send again"))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        Mail.objects.filter(pk__in=selected_ids(queryset)).make_due()
        self.message_user(request, gettext("They are tried again within a second."))
