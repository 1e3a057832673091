"""The base class of the API's views."""

from collections.abc import Mapping
from datetime import UTC
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from rest_framework import exceptions, serializers
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from api.access.access import ApiAccess
from api.access.authentication import ORGANIZATION_HEADER, KeyAuthentication, StaffAuthentication
from api.access.scopes import HasScope
from api.endpoints.values import StrictSerializer
from api.errors.problems import Problem
from api.keys.rate_limits import RequestCount, count_request
from api.models import Scope

TOO_DEEP = "The body is nested too deep."
MAX_DEPTH = 32
MAX_BODY = 256 * 1024
"""Bytes of a request's body. The longest message has some 20 KB."""


class LimitedJsonParser(JSONParser):
    """Reads JSON. A body that is too large or nested too deep is refused like one that is no JSON."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError(TOO_DEEP) from None
        if _depth(body) > MAX_DEPTH:
            raise exceptions.ParseError(TOO_DEEP)
        return body


def _depth(body: Any) -> int:
    """Returns how many levels of lists and objects the body has. It does not recurse."""
    depth, level = 0, [body]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


class NoParameters(StrictSerializer):
    """The query of a URL that has no parameters."""


class ApiView(APIView):
    """A URL of the API. It accepts a key or a session, and counts the requests of a key. Its texts are in English and its times in
    UTC, whatever the language and time zone of the client are."""

    authentication_classes: ClassVar[tuple[type, ...]] = (KeyAuthentication, StaffAuthentication)
    permission_classes: ClassVar[tuple[type, ...]] = (HasScope,)
    parser_classes = (LimitedJsonParser,)
    renderer_classes = (JSONRenderer,)
    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "patch", "delete"]
    scopes: ClassVar[Mapping[str, Scope]] = {"GET": Scope.READ, "POST": Scope.SEND, "PATCH": Scope.SEND, "DELETE": Scope.SEND}
    """The scope that each method needs."""
    of_all_numbers: ClassVar[frozenset[str]] = frozenset()
    """The methods that a key for some numbers may not use."""
    max_body = MAX_BODY
    queries: ClassVar[Mapping[str, type[StrictSerializer]]] = {}
    """The serializer of the query of each method. Without one, no parameter is accepted."""
    count: RequestCount | None = None

    @property
    def access(self) -> ApiAccess:
        """What the request may do."""
        access: ApiAccess = self.request.auth
        return access

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"), timezone.override(UTC):
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
            if isinstance(response, HttpResponse) and hasattr(response, "render"):
                response.render()
            return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[JSONRenderer, str]:
        """All responses are JSON, whatever the header Accept says."""
        return JSONRenderer(), "application/json"

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        access = request.auth
        if isinstance(access, ApiAccess) and access.key:
            self.count = count_request(access.key, timezone.now())
            if self.count.is_exceeded:
                raise exceptions.Throttled(wait=self.count.seconds_left, detail="Too many requests of this key in this minute.")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_body:
            words = f"A body has at most {self.max_body} bytes."
            raise Problem(words, code="too_large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        query_class = self.queries.get("GET" if request.method == "HEAD" else str(request.method), NoParameters)
        query: serializers.Serializer = query_class(data=request.query_params, context={"access": self.access})
        query.is_valid(raise_exception=True)
        self.query = query.validated_data

    def read_body(self, serializer_class: type[StrictSerializer], **context: Any) -> Any:
        """Returns the body's values. Raises ValidationError."""
        serializer = serializer_class(data=self.request.data, context={"access": self.access, **context})
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.count.headers if self.count else {}).items():
            response[name] = value
        if not getattr(response, "streaming", False):  # a stored file never changes, and says so itself
            # Not “no-store”: clients may keep what they have, if they ask with its ETag whether it is current.
            response["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ("Authorization", "Cookie", ORGANIZATION_HEADER))
        return response


class NoSuchUrl(ApiView):
    """404 for all other URLs below the API's."""

    authentication_classes = ()
    permission_classes = ()
    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "put", "patch", "delete", "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound("The API has no such URL. URLs end with a slash.", code="no_such_url")
