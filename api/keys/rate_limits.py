"""How many requests a key may make in a minute. The count is a row, so all web processes share it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Case, F, PositiveIntegerField, Value, When

from api.models import ApiKey, ApiKeyUse
from jobs.transactions import run_in_transaction

WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class RequestCount:
    """The requests of a key in the current minute, with the one that is counted. `seconds_left`: until the next minute begins."""

    count: int
    limit: int
    seconds_left: int

    @property
    def is_exceeded(self) -> bool:
        """Whether the request must be refused."""
        return self.count > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """The headers RateLimit and RateLimit-Policy of the response, as draft-ietf-httpapi-ratelimit-headers has them."""
        remaining = max(0, self.limit - self.count)
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={int(WINDOW.total_seconds())}',
            "RateLimit": f'"key";r={remaining};t={self.seconds_left}',
        }


def count_request(key: ApiKey, now: datetime) -> RequestCount:
    """Counts one request of the key, which was loaded with its use. One statement, except for the first request of a key.

    The statement refuses what is beyond the limit, so the limit holds for requests at the same time too. The count that is
    returned may leave out those.
    """
    minute, limit = now.replace(second=0, microsecond=0), settings.API_REQUESTS_PER_MINUTE
    use: ApiKeyUse | None = getattr(key, "use", None)
    earlier = use.requests if use and use.minute == minute else 0
    is_counted = _add_request(key, minute, limit) if use else _create_use(key, minute, limit)
    count = min(earlier + 1, limit) if is_counted else limit + 1
    return RequestCount(count, limit, int((minute + WINDOW - now).total_seconds()) + 1)


def _add_request(key: ApiKey, minute: datetime, limit: int) -> bool:
    """Returns whether the limit allows one more. MySQL sets columns from left to right, so `minute` must be the last."""
    requests = Case(When(minute=minute, then=F("requests") + 1), default=Value(1), output_field=PositiveIntegerField())
    allowed = ApiKeyUse.objects.filter(pk=key.pk).exclude(minute=minute, requests__gte=limit)
    return bool(allowed.update(requests=requests, minute=minute))


def _create_use(key: ApiKey, minute: datetime, limit: int) -> bool:
    try:
        run_in_transaction(lambda: ApiKeyUse.objects.create(key=key, minute=minute, requests=1))
    except IntegrityError:  # another request of the key was the first
        return _add_request(key, minute, limit)
    return True
