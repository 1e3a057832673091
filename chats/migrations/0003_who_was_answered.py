"""What contacts know of answers given before: the time of the business's last message, and so who is waiting."""

from django.db import migrations
from django.db.models import Case, DateTimeField, F, Max, OuterRef, Q, Subquery, Value, When


def fill(apps, schema_editor):
    Contact = apps.get_model("contacts", "Contact")
    Message = apps.get_model("chats", "Message")
    answers = Message.objects.filter(contact=OuterRef("pk"), is_user_message=False).exclude(origin="history").exclude(kind="system")
    latest = answers.order_by().values("contact").annotate(at=Max("create_in")).values("at")
    last = 0
    while ids := list(Contact.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:2000]):
        last = ids[-1]
        rows = Contact.objects.filter(pk__in=ids)
        rows.update(last_business_message_at=Subquery(latest))
        unanswered = Q(last_business_message_at=None) | Q(last_business_message_at__lt=F("last_customer_message_at"))
        rows.update(
            waiting_since=Case(
                When(unanswered, then=F("last_customer_message_at")), default=Value(None), output_field=DateTimeField()
            )
        )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("chats", "0002_search_in_texts"), ("contacts", "0003_fill_columns_of_known_contacts")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
