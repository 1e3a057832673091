"""Progress bars of commands, which are shown on a terminal only."""

from typing import NoReturn

from tqdm import tqdm


def progress_bar(label: str, *, total: int | None = None, unit: str = " rows") -> "tqdm[NoReturn]":
    return tqdm(desc=label, total=total, unit=unit, unit_scale=True, disable=None)
