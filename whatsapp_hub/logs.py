"""Filters of the log."""

import logging
from http import HTTPStatus


class RefusalsInOneLine(logging.Filter):
    """Removes the traceback from records of refused requests: a missing role, a wrong host, a form that is too large. The line says
    what was refused, and the hub has no error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR) < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True
