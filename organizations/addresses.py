"""What stands in the addresses of pages."""


class RowId:
    """The id of a row, never one that a database could not hold."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)
