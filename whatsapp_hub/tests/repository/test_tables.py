"""The seven tables that other programs read: their names and columns stay."""

from typing import Any

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

TABLES = {
    "webhook": "id date json",
    "contacts": "id wa_id profile name create_in activate_bot activate_automatic_message create_for_phone_number "
    "last_message_timestamp",
    "settings": "id default_bot default_profile wa_id phone_number_id webhook_verify_token meta_token organization_id",
    "organization": "id create_in activate create_by organization_name",
    "users": "id name create_in email password activate",
    "organization_users": "id organization_id user_id create_in role activate",
    "chat_session_message": "id wa_id wa_id_received phone_number_id session_id flow_state message_status is_user_message "
    "bot_replied content payload create_in updated_at expires_at is_active",
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_its_columns(table) -> None:
    with connection.cursor() as cursor:
        found = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    assert set(TABLES[table].split()) - found == set()


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("contacts", "profile", ["human", "bot", "ia"]),
        ("settings", "default_profile", ["human", "bot", "ia"]),
        ("organization_users", "role", ["user", "user_admin", "user_creator"]),
    ],
)
def test_a_column_has_these_values(table, column, values) -> None:
    (model,) = (model for model in connection.introspection.installed_models([table]))
    field: Any = model._meta.get_field(column)
    assert [value for value, _ in field.choices] == values
