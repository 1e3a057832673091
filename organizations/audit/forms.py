"""Forms of the audit log: its filters, and how long it is kept."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.audit.actions import AuditAction
from organizations.audit.selectors import AuditFilters, read_actor, read_target
from organizations.models import ActorKind, Membership, Organization

MIN_DATE, MAX_DATE = date(2000, 1, 1), date(2999, 12, 31)
LIFETIMES = [(183, _("six months")), (365, _("one year")), (730, _("two years")), (1826, _("five years"))]
"""The shortest is how long Brazilian law wants records of access to be kept (Lei 12.965/2014, art. 15)."""


def _day_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))


class AuditFilterForm(forms.Form):
    """The filters above the list."""

    action = forms.ChoiceField(label=_("Action"), required=False, choices=[("", _("All")), *AuditAction.choices])
    who = forms.ChoiceField(label=_("Who"), required=False)
    since = _day_field(_("From"))
    until = _day_field(_("Until"))
    target = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, *args: Any, organization: Organization, **options: Any) -> None:
        super().__init__(*args, **options)
        members = Membership.objects.filter(organization=organization).order_by("user__name", "user__email")
        names = members.values_list("user_id", "user__name", "user__email")  # no objects: there may be thousands
        people = [(f"person:{user_id}", name or email) for user_id, name, email in names]
        who: Any = self.fields["who"]
        who.choices = [("", _("All")), (_("Members"), people), (_("Others"), ActorKind.choices)]

    def _clean_day(self, name: str) -> date | None:
        day: date | None = self.cleaned_data[name]
        if day and not MIN_DATE <= day <= MAX_DATE:
            raise forms.ValidationError(_("Choose a day in this century."))
        return day

    def clean_since(self) -> date | None:
        return self._clean_day("since")

    def clean_until(self) -> date | None:
        return self._clean_day("until")

    @property
    def filters(self) -> AuditFilters:
        """The filters of a valid form, with whole days in the viewer's time zone."""
        values = self.cleaned_data
        actor_kind, actor_id = read_actor(values["who"])
        target_kind, target_id = read_target(values["target"])
        return AuditFilters(
            action=values["action"],
            actor_kind=actor_kind,
            actor_id=actor_id,
            target_kind=target_kind,
            target_id=target_id,
            since=_start_of(values["since"]),
            until=_start_of(values["until"] and values["until"] + timedelta(days=1)),
        )


def _start_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, timezone.get_current_timezone()).astimezone(UTC) if day else None


class RetentionForm(forms.Form):
    """How long entries are kept."""

    days = forms.TypedChoiceField(label=_("Keep entries for"), choices=LIFETIMES, coerce=int)
