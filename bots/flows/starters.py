"""Flows to start from, in Portuguese. Each is free of problems, and its texts are to be replaced."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext

from bots.flows.flow import Flow, read_flow

FOLDER = Path(__file__).parent.parent / "starters"


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


@dataclass(frozen=True, slots=True)
class Starter:
    """A flow to start from. `key` is the name of its file, without .json."""

    key: str
    title_words: str
    description_words: str

    @property
    def title(self) -> str:
        """The title in the current language."""
        return gettext(self.title_words)

    @property
    def description(self) -> str:
        """What the flow does, in the current language."""
        return gettext(self.description_words)

    def read(self) -> Flow:
        return read_flow((FOLDER / f"{self.key}.json").read_bytes())


STARTERS: Mapping[str, Starter] = {
    starter.key: starter
    for starter in (
        Starter(
            "menu",
            _("Menu with hours and address"),
            _("Greets, shows a menu with three buttons, and answers about prices, hours and address."),
        ),
        Starter(
            "order_status",
            _("Order status"),
            _("Asks for the order number and asks your own system for its status by a web call."),
        ),
        Starter(
            "booking",
            _("Booking request"),
            _("Asks for the service, the day, the time of day and the name, and passes the request on to your team."),
        ),
        Starter(
            "lead",
            _("Lead capture"),
            _("Asks for name, e-mail and interest, sets a label, and passes the contact on to your team."),
        ),
    )
}
