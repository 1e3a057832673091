"""What the log of the site looks like."""

import logging
from http import HTTPStatus


class RefusalsInOneLine(logging.Filter):
    """Takes the traceback from records of requests that were refused: no role, a wrong host, a form that is too large. The line
    says what was refused, and nothing is wrong with the hub."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR) < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True
