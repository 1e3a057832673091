"""The organizations, people and contacts of the tests of contacts."""

from contacts.conftest import add_contact, admin, foreign_number, member, number, outsider, padaria, second_number

__all__ = ["add_contact", "admin", "foreign_number", "member", "number", "outsider", "padaria", "second_number"]
