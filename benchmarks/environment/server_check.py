"""`python -m benchmarks.environment.server_check`: logs in at the database server of DATABASE_URL and the broker of
CELERY_BROKER_URL. Says on stderr which of them does not allow it. The exit status is 0 if both do."""

import os
import sys
from urllib.parse import urlsplit

from kombu import Connection

from benchmarks.environment.databases import server_version
from benchmarks.figures import Failed

TIMEOUT = 5.0


def main() -> None:
    try:
        server_version(os.environ["DATABASE_URL"])
        _check_broker(os.environ["CELERY_BROKER_URL"])
    except Failed as failure:
        sys.exit(str(failure))


def _check_broker(url: str) -> None:
    with Connection(url, connect_timeout=TIMEOUT) as connection:
        try:
            connection.connect()
        except (*connection.connection_errors, *connection.channel_errors) as error:  # a refused login is one of the latter
            address = urlsplit(url).netloc.rpartition("@")[2]
            raise Failed(f"no RabbitMQ to log in at {address}: {error} (`guest` may log in from loopback only)") from None


if __name__ == "__main__":
    main()
