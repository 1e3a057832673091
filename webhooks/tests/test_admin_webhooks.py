"""The admin of the raw log: webhooks, why they were not applied, and applying them again."""

from pathlib import Path

import pytest
from django.conf import settings as hub
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs.models import State
from organizations.admin.model_admins import MAX_COUNTED
from organizations.models import Organization, PhoneNumber
from organizations.text_display import parse_exact_json
from webhooks.models import HeldItem, Webhook

pytestmark = pytest.mark.django_db
LIST = "admin:webhooks_webhook_changelist"
HELD = "admin:webhooks_helditem_changelist"
PAYLOADS = Path(hub.BASE_DIR) / "cloud_api" / "tests" / "payloads"


def store(body=b'{"object": "whatsapp_business_account"}', **columns):
    try:
        text, raw = body.decode(), None
    except UnicodeDecodeError:
        text, raw = body.decode(errors="replace"), body
    return Webhook.objects.create(**({"json": text, "raw": raw, "size": len(body)} | columns))


def hold(webhook, index=0, **columns):
    return HeldItem.objects.create(
        **({"webhook": webhook, "position": f"entry.0.changes.{index}", "cause": "failed", "state": "dead"} | columns)
    )


def page(row, kind="webhook"):
    return reverse(f"admin:webhooks_{kind}_change", args=[row.pk])


def english(client, address, query=None):
    return client.get(address, query, headers={"Accept-Language": "en"}).content.decode()


def test_a_json_body_is_shown_indented_and_escaped(admin_client):
    shown = english(admin_client, page(store('{"entry": [{"name": "Zé <script>"}]}'.encode())))

    assert "  &quot;entry&quot;: [\n" in shown
    assert "Zé &lt;script&gt;" in shown
    assert "<script>&quot;" not in shown


@pytest.mark.parametrize(
    "body",
    [b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e400}', b'{"a": 0.10}', b'{"a": ', b"plain <b>text</b>", b""],
)
def test_a_body_that_indenting_would_change_is_shown_unchanged(admin_client, body):
    with pytest.raises(ValueError):  # noqa: PT011  of json or ours
        parse_exact_json(body.decode())
    shown = english(admin_client, page(store(body)))

    assert "Shown as it came:" in shown
    assert body.decode().replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in shown


def test_a_body_that_is_not_utf8_is_shown_with_its_bytes(admin_client):
    shown = english(admin_client, page(store(b'{"name": "Jo\xe3o"}')))

    assert "Jo\ufffdo" in shown
    assert "4a 6f e3 6f" in shown


@pytest.mark.parametrize("name", sorted(path.name for path in (PAYLOADS / "malformed").iterdir()))
def test_every_malformed_body_can_be_shown(admin_client, name):
    body = (PAYLOADS / "malformed" / name).read_bytes()

    assert admin_client.get(page(store(body, state="dead", reason="not JSON"))).status_code == 200


def test_a_webhook_links_to_its_held_items_only_if_it_has_some(admin_client):
    webhook = store(b"{}")
    held = f"{reverse('admin:webhooks_helditem_changelist')}?webhook__id__exact={webhook.pk}"
    assert held not in english(admin_client, page(webhook))
    hold(webhook)
    assert held in english(admin_client, page(webhook))


def test_the_size_is_exact(admin_client):
    assert "1,234,567 bytes (1.2" in english(admin_client, page(store(size=1_234_567)))


def test_the_page_of_a_webhook_shows_its_signers(admin_client):
    organization = Organization.objects.create(organization_name="Padaria do Zé")

    assert "Padaria do Zé" in english(admin_client, page(store(signed_for=[organization.pk])))
    assert "META_APP_SECRET" in english(admin_client, page(store()))


def test_the_page_of_a_webhook_shows_its_held_items(admin_client):
    webhook = store(state="done")
    item = hold(webhook, 3, cause="foreign", reason="signed by 7")
    hold(store(), 9)
    shown = english(admin_client, page(webhook))

    assert page(item, "helditem") in shown
    assert "entry.0.changes.3" in shown
    assert "signed by another organization" in shown
    assert "signed by 7" in shown
    assert "entry.0.changes.9" not in shown


def test_webhooks_and_held_items_can_be_read_and_not_changed(admin_client):
    webhook = store()
    item = hold(webhook)

    for kind, row in (("webhook", webhook), ("helditem", item)):
        assert admin_client.post(page(row, kind), {"state": "done"}).status_code == 403
        assert admin_client.get(reverse(f"admin:webhooks_{kind}_add")).status_code == 403
        assert admin_client.post(reverse(f"admin:webhooks_{kind}_delete", args=[row.pk])).status_code == 403


@pytest.mark.parametrize(("address", "kind"), [(LIST, Webhook), (HELD, HeldItem)])
def test_apply_again_makes_the_selected_rows_due_and_shows_how_many(admin_client, address, kind):
    webhooks = [store(state="dead", reason="boom", attempts=6) for _ in range(3)]
    rows = webhooks if kind is Webhook else [hold(webhook, reason="boom") for webhook in webhooks]
    chosen = [row.pk for row in rows[:2]]
    form = {"action": "apply_again", "_selected_action": chosen}

    response = admin_client.post(reverse(address), form, follow=True, headers={"Accept-Language": "en"})

    assert "2 rows will be applied again." in response.content.decode()
    assert set(kind.objects.filter(state=State.DUE, attempts=0, reason="").values_list("pk", flat=True)) == set(chosen)
    assert kind.objects.get(pk=rows[2].pk).state == State.DEAD


def test_the_number_of_rows_to_apply_again_has_separators(admin_client):
    dead = [store(state="dead").pk for _ in range(1001)]
    form = {"action": "apply_again", "_selected_action": [dead[0]], "select_across": "1"}

    response = admin_client.post(reverse(LIST), form, follow=True, headers={"Accept-Language": "en"})

    assert "1,001 rows will be applied again." in response.content.decode()


def test_apply_again_works_for_all_rows_of_a_filter(admin_client):
    dead = [store(state="dead") for _ in range(3)]
    done = store(state="done")
    form = {"action": "apply_again", "_selected_action": [dead[0].pk], "select_across": "1"}

    admin_client.post(reverse(LIST) + "?state__exact=dead", form)

    assert Webhook.objects.filter(state=State.DUE).count() == 3
    assert Webhook.objects.get(pk=done.pk).state == State.DONE


@pytest.mark.parametrize("kind", ["webhook", "helditem"])
def test_the_page_of_a_row_has_the_button_too(admin_client, kind):
    webhook = store(state="dead")
    row = webhook if kind == "webhook" else hold(webhook)
    again = reverse(f"admin:webhooks_{kind}_apply_again", args=[row.pk])
    assert f'action="{again}"' in english(admin_client, page(row, kind))

    response = admin_client.post(again)

    row.refresh_from_db()
    assert response["Location"] == page(row, kind)
    assert row.state == State.DUE


def test_the_button_needs_a_superuser_and_a_post(admin_client, client):
    webhook = store(state="dead")
    again = reverse("admin:webhooks_webhook_apply_again", args=[webhook.pk])

    assert admin_client.get(again).status_code == 405
    assert admin_client.post(reverse("admin:webhooks_webhook_apply_again", args=[webhook.pk + 1])).status_code == 404
    assert client.post(again)["Location"].startswith(reverse("admin:login"))
    webhook.refresh_from_db()
    assert webhook.state == State.DEAD


@pytest.mark.parametrize("address", [LIST, HELD])
@pytest.mark.parametrize("query", [{}, {"state__exact": "dead"}, {"q": "a webhook's id"}])
def test_a_list_needs_few_queries_and_never_counts_all(admin_client, address, query, django_assert_max_num_queries):
    for index in range(60):
        item = hold(store(state="dead"), index)
    query = query if "q" not in query else {"q": item.webhook_id}

    with django_assert_max_num_queries(10), CaptureQueriesContext(connection) as queries:
        response = admin_client.get(reverse(address), query)

    assert response.status_code == 200
    counts = [each["sql"] for each in queries if each["sql"].startswith("SELECT COUNT(")]
    assert counts
    assert [sql for sql in counts if "LIMIT" not in sql] == []


def test_the_list_reads_no_bodies(admin_client):
    store()
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(reverse(LIST))

    columns = [f"{quote}webhook{quote}.{quote}json{quote}" for quote in ('"', "`")]
    assert [each["sql"] for each in queries if any(column in each["sql"] for column in columns)] == []


def test_a_count_stops_at_its_limit_and_shows_that(admin_client):
    Webhook.objects.bulk_create(Webhook(json="{}", size=2) for _ in range(MAX_COUNTED + 5))

    assert "10,000 webhooks or more" in english(admin_client, reverse(LIST))
    assert len(admin_client.get(reverse(LIST), {"p": 200}).context["cl"].result_list) == 50


def test_apply_again_of_all_stops_at_its_limit_and_shows_that(admin_client):
    Webhook.objects.bulk_create(Webhook(json="{}", size=2, state="dead") for _ in range(MAX_COUNTED + 5))
    form = {"action": "apply_again", "_selected_action": ["1"], "select_across": "1"}

    response = admin_client.post(reverse(LIST), form, follow=True, headers={"Accept-Language": "en"})

    assert "For more, use the command" in response.content.decode()
    assert Webhook.objects.filter(state=State.DEAD).count() == 5


def test_the_list_shows_the_number_of_held_items(admin_client):
    webhook = store(state="done")
    hold(webhook, 1)
    hold(webhook, 2)

    address = f"{reverse(HELD)}?webhook__id__exact={webhook.pk}"
    assert f'<a href="{address}">2</a>' in english(admin_client, reverse(LIST))
    assert english(admin_client, address).count('<td class="field-position">') == 2


@pytest.mark.parametrize("term", ["webhook", "106540352242922", "WABA-9"])
def test_held_items_are_found_by_webhook_number_or_account(admin_client, term):
    webhook = store()
    item = hold(webhook, 1, phone_number_id="106540352242922", waba_id="WABA-9", state="waiting", cause="unknown")
    hold(store(), 2)

    rows = admin_client.get(reverse(HELD), {"q": str(webhook.pk) if term == "webhook" else term})

    assert [row.pk for row in rows.context["cl"].result_list] == [item.pk]


def test_held_items_are_filtered_by_state_and_cause(admin_client):
    webhook = store()
    item = hold(webhook, 1, state="waiting", cause="unknown")
    hold(webhook, 2, state="waiting", cause="inactive")
    hold(webhook, 3, state="dead", cause="unknown")

    rows = admin_client.get(reverse(HELD), {"state__exact": "waiting", "cause__exact": "unknown"})

    assert [row.pk for row in rows.context["cl"].result_list] == [item.pk]


def test_a_held_item_links_to_its_connected_number(admin_client):
    item = hold(store(), phone_number_id="5243")
    number = PhoneNumber.objects.create(
        organization=Organization.objects.create(organization_name="Padaria"), phone_number_id="5243", wa_id="551"
    )

    address = reverse("admin:organizations_phonenumber_change", args=[number.pk])
    assert address in english(admin_client, page(item, "helditem"))
