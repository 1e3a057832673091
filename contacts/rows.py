"""The rows of a file of contacts: what each says, and what is wrong with it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import candidates
from contacts.columns import NO, PROFILE_BY_WORD, YES, unguarded
from contacts.exporting import number_words
from contacts.forms import LONGEST_NAME
from contacts.searching import normalized
from contacts.services import SEPARATORS, Unfit, one_line, read_label_name, read_phone
from contacts.sheets import Faults, Refused, Sheet
from organizations.models import PhoneNumber

MOST_ROWS = 20_000


@dataclass
class Row:
    """What a line of the file says. `doubt`: why nobody new can come of it."""

    line: int
    number: PhoneNumber
    wa_ids: tuple[str, ...] = ()
    user_id: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    """Columns of the contact that have a value here; what is left empty stays as it is."""
    labels: list[str] = field(default_factory=list)
    doubt: object = None


class Reader:
    """Reads rows, and notes what is wrong with them."""

    def __init__(self, sheet: Sheet, numbers: Sequence[PhoneNumber], number: PhoneNumber, faults: Faults) -> None:
        self.sheet, self.number, self.faults = sheet, number, faults
        words = number_words(numbers)
        self.numbers = {key: each for each in numbers for key in (words[each.phone_number_id], each.phone_number_id)}

    def rows(self) -> list[Row]:
        """All rows, good and bad. Raises Refused if there are too many, or the file breaks off."""
        rows: list[Row] = []
        for line, cells in self.sheet.rows:
            if len(rows) == MOST_ROWS:
                raise Refused.because(_("There are more than 20,000 rows. Import them in parts."), line)
            rows.append(self._row(line, cells))
        if not rows:
            raise Refused.because(_("There is no contact below the first line."))
        return rows

    def _row(self, line: int, cells: list[str]) -> Row:
        row = Row(line, self.number)
        if any(cell.strip() for cell in cells[len(self.sheet.headers) :]):
            row.doubt = _("There are more cells than columns. Put text that holds the separator in quotation marks.")
            return row
        for place, key in self.sheet.columns.items():
            cell = unguarded(cells[place].strip()) if place < len(cells) else ""
            if cell:
                self._read(row, key, cell, self.sheet.headers[place])
        if not row.wa_ids:
            row.doubt = row.doubt or _("The phone is missing.")
        return row

    def _read(self, row: Row, key: str, cell: str, header: str) -> None:
        try:
            READERS[key](self, row, cell)
        except Unfit as refusal:
            if key in ("phone", "wa_id"):
                row.doubt = refusal  # told once, when nobody is found either
            else:
                self.faults.add(row.line, f"{header.strip()[:60]}: {refusal}")

    def phone(self, row: Row, cell: str) -> None:
        row.wa_ids = _read_phone(cell)

    def wa_id(self, row: Row, cell: str) -> None:
        digits = re.sub(r"[\s+]", "", cell)
        row.wa_ids = candidates(f"+{digits}") if re.fullmatch(r"[0-9]+", digits) else (cell[:64],)
        _read_phone(f"+{digits}")

    def user_id(self, row: Row, cell: str) -> None:
        row.user_id = cell[:160]

    def alias(self, row: Row, cell: str) -> None:
        if len(one_line(cell)) > LONGEST_NAME:
            raise Unfit(_("A name has at most 150 letters."))
        row.given["alias"] = one_line(cell)

    def which_number(self, row: Row, cell: str) -> None:
        found = self.numbers.get(re.sub(r"[\s()+.\-]", "", cell))
        if found is None:
            raise Unfit(_("This is none of your numbers."))
        row.number = found

    def profile(self, row: Row, cell: str) -> None:
        profile = PROFILE_BY_WORD.get(normalized(cell))
        if profile is None:
            raise Unfit(_("Write human, bot or AI."))
        row.given["profile"] = profile

    def bot(self, row: Row, cell: str) -> None:
        row.given["activate_bot"] = _yes(cell)

    def automatic(self, row: Row, cell: str) -> None:
        row.given["activate_automatic_message"] = _yes(cell)

    def label_names(self, row: Row, cell: str) -> None:
        row.labels = [read_label_name(name) for name in SEPARATORS.split(cell) if name.strip()]


READERS: dict[str, Callable[[Reader, Row, str], None]] = {
    "phone": Reader.phone,
    "wa_id": Reader.wa_id,
    "user_id": Reader.user_id,
    "name": Reader.alias,
    "number": Reader.which_number,
    "profile": Reader.profile,
    "bot": Reader.bot,
    "automatic": Reader.automatic,
    "labels": Reader.label_names,
}


@lru_cache(maxsize=1024)
def _read_phone(cell: str) -> tuple[str, ...]:
    return read_phone(cell)


def _yes(cell: str) -> bool:
    word = normalized(cell)
    if word not in YES | NO:
        raise Unfit(_("Write yes or no."))
    return word in YES
