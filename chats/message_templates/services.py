"""Making and deleting templates: Meta does it, and what it did is kept."""

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
from organizations.live.revisions import publish_revisions
from organizations.models import User


def create_template(*, account: Account, draft: TemplateDraft, by: User) -> MessageTemplate:
    """Ask Meta for it; nothing is stored unless Meta takes it. Raises GraphError; NoWay. `draft` has no problems."""
    made = template_definition(draft)
    told_at = timezone.now() - CLOCK_TOLERANCE
    with graph_for_account(account) as graph:
        answer = clean(graph.create_template(account.waba_id, made))
    status = text(answer, "status") or MessageTemplate.Status.PENDING
    row = template_from_meta(
        account, made | {"id": text(answer, "id"), "status": status, "category": text(answer, "category") or draft.category}
    )
    if row is None:
        raise ValueError("a template without a name or a language")
    row.told_at = told_at
    return run_in_transaction(lambda: _keep(row))


def _keep(row: MessageTemplate) -> MessageTemplate:
    """A webhook may have been faster, and knows its status better; or the row was left over, and the next sync tells."""
    same = {column: getattr(row, column) for column in ("organization_id", "waba_id", "name", "language")}
    rest = ("template_id", "category", "parameter_format", "components")
    kept, is_new = MessageTemplate.objects.update_or_create(
        **same,
        defaults={column: getattr(row, column) for column in rest},
        create_defaults={column: getattr(row, column) for column in (*rest, "status", "told_at")},
    )
    if not is_new:
        request_sync(Account(row.organization_id, row.waba_id))
    publish_revisions([row.organization_id])
    return kept


def delete_template(*, template: MessageTemplate, every_language: bool, by: User) -> None:
    """At Meta, then here. Without `every_language` the template has a `template_id`. Raises GraphError; NoWay."""
    account = Account(template.organization_id, template.waba_id)
    with graph_for_account(account) as graph:
        graph.delete_template(template.waba_id, template.name, template_id="" if every_language else str(template.template_id))
    rows = MessageTemplate.objects.filter(organization=template.organization_id, waba_id=template.waba_id, name=template.name)
    gone = rows if every_language else rows.filter(pk=template.pk)

    def forget() -> None:
        gone.delete()
        publish_revisions([template.organization_id])

    run_in_transaction(forget)


def refusal_text(refusal: GraphError) -> Any:
    """What Meta says, for whoever asked it about templates."""
    if refusal.code is None:
        return gettext("WhatsApp did not answer. Nothing has changed; try again in a moment.")
    meaning = meaning_of(refusal.code)
    if meaning.remedy in (Remedy.CONTENT, Remedy.NONE) and refusal.details:
        return gettext("WhatsApp refused it: %(details)s") % {"details": refusal.details}
    return gettext(meaning.words)
