"""The settings of a webhook bot, as its draft and its versions have them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

KIND = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """`url` is where requests are posted. `timeout_seconds` is how long the hub waits for a response (1 to 60), and
    `callback_minutes` how long for an answer that is announced (1 to 60). `hub_url` is the hub's own address as the administrator
    saw it, for the address of call-backs. `silence_seconds` (0 to 15) and `person_words` mean the same as in a flow."""

    name: str = ""
    url: str = ""
    timeout_seconds: int = 15
    callback_minutes: int = 10
    silence_seconds: int = 3
    person_words: tuple[str, ...] = ()
    hub_url: str = ""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Reads the draft or version of a bot. What is missing has its default."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        return cls(**known | {"person_words": tuple(known.get("person_words", ()))})

    def document(self) -> dict[str, Any]:
        """Returns the settings as JSON."""
        return {"kind": KIND, **asdict(self), "person_words": list(self.person_words)}
