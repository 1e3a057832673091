"""Variables in a template's texts, filled in and written anew."""

from collections.abc import Mapping

from cloud_api.template_variables import VARIABLE


def fill_variables(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables' values; those that have none stay as they are."""
    return VARIABLE.sub(lambda found: values.get(found[1]) or found[0], text)


def normalize_variables(text: str) -> str:
    """The text with its variables as Meta writes them, without spaces inside."""
    return VARIABLE.sub(lambda found: f"{{{{{found[1]}}}}}", text)
