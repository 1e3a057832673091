"""Variables in the texts of a template."""

from collections.abc import Mapping

from cloud_api.template_variables import VARIABLE


def fill_variables(text: str, values: Mapping[str, str]) -> str:
    """Returns the text with the values of its variables. Variables without a value stay."""
    return VARIABLE.sub(lambda found: values.get(found[1]) or found[0], text)


def normalize_variables(text: str) -> str:
    """Returns the text with its variables as Meta writes them, without spaces inside."""
    return VARIABLE.sub(lambda found: f"{{{{{found[1]}}}}}", text)
