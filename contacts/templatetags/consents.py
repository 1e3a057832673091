"""The consent ledger in templates."""

from django import template

from contacts.consent.texts import decision_text, refusal_text

register = template.Library()
register.filter("decision_text", decision_text)
register.filter("refusal_text", refusal_text)
