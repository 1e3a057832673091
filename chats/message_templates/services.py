"""Creating and deleting templates: first at Meta, then in the hub."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from chats.message_templates.accounts import Account, graph_for_account
from chats.message_templates.rules import TemplateDraft, template_definition
from chats.message_templates.sync import CLOCK_TOLERANCE, request_sync, template_from_meta
from chats.models import MessageTemplate
from cloud_api.errors import Remedy, meaning_of
from cloud_api.graph import GraphError
from cloud_api.payloads.json_values import clean
from cloud_api.payloads.texts import text
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import User


def create_template(*, account: Account, draft: TemplateDraft, by: User | None) -> MessageTemplate:
    """Creates the template at Meta, and stores it if Meta accepts it. `draft` must have no problems. Raises GraphError and
    NoUsableNumber."""
    definition = template_definition(draft)
    reported_at = timezone.now() - CLOCK_TOLERANCE
    with graph_for_account(account) as graph:
        response = clean(graph.create_template(account.waba_id, definition))
    status = text(response, "status") or MessageTemplate.Status.PENDING
    row = template_from_meta(
        account,
        definition | {"id": text(response, "id"), "status": status, "category": text(response, "category") or draft.category},
    )
    if row is None:
        raise ValueError("a template without a name or a language")
    row.reported_at = reported_at
    return run_in_transaction(lambda: _store(row, by))


def _store(row: MessageTemplate, by: User | None) -> MessageTemplate:
    """Creates the template, or updates it if it exists. Returns the stored template."""
    # An existing row is from a webhook that was faster, or from an earlier template. Its status stays until the next sync.
    key = {column: getattr(row, column) for column in ("organization_id", "waba_id", "name", "language")}
    rest = ("template_id", "category", "parameter_format", "components")
    stored, is_new = MessageTemplate.objects.update_or_create(
        **key,
        defaults={column: getattr(row, column) for column in rest},
        create_defaults={column: getattr(row, column) for column in (*rest, "status", "reported_at")},
    )
    action = AuditAction.TEMPLATE_CREATED if is_new else AuditAction.TEMPLATE_CHANGED
    _record(action, stored, {"name": [None, row.name], "language": [None, row.language]}, by=by)
    if not is_new:
        request_sync(Account(row.organization_id, row.waba_id))
    publish_revisions([row.organization_id])
    return stored


def delete_template(*, template: MessageTemplate, every_language: bool, by: User | None) -> None:
    """Deletes the template, or all its languages. Without `every_language` the template must have a `template_id`. Raises
    GraphError and NoUsableNumber."""
    account = Account(template.organization_id, template.waba_id)
    with graph_for_account(account) as graph:
        graph.delete_template(template.waba_id, template.name, template_id="" if every_language else str(template.template_id))
    rows = MessageTemplate.objects.filter(organization=template.organization_id, waba_id=template.waba_id, name=template.name)
    deleted = rows if every_language else rows.filter(pk=template.pk)

    def delete() -> None:
        deleted.delete()
        language = None if every_language else [template.language, None]
        _record(AuditAction.TEMPLATE_DELETED, template, {"name": [template.name, None], "language": language}, by=by)
        publish_revisions([template.organization_id])

    run_in_transaction(delete)


def _record(action: AuditAction, template: MessageTemplate, changes: Mapping[str, list[Any] | None], *, by: User | None) -> None:
    target = ("template", template.pk)
    record_action(action, organization=template.organization_id, by=by, target=target, changes=changes)


def refusal_text(error: GraphError) -> Any:
    """Returns why Meta refused a request about templates, as a text for staff."""
    if error.code is None:
        return gettext("WhatsApp did not answer. Nothing has changed; try again in a moment.")
    meaning = meaning_of(error.code)
    if meaning.remedy in (Remedy.CONTENT, Remedy.NONE) and error.details:
        return gettext("WhatsApp refused it: %(details)s") % {"details": error.details}
    return gettext(meaning.words)
