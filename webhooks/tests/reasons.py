"""Reasons of held items and dead webhooks, as a reader sees them."""

from django.utils import translation

from webhooks.processing.hold_reasons import translate_reason


def in_english(reason: str) -> str:
    with translation.override("en"):
        return translate_reason(reason)
