"""Members of the organization."""

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId
from api.endpoints.views import ApiView
from api.models import Scope
from organizations.models import Membership, Role


class MemberSerializer(serializers.Serializer):
    """A user in the organization."""

    id = SealedId(IdKind.MEMBER, source="pk")
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=Role.choices)
    active = serializers.BooleanField(source="activate")
    member_since = serializers.DateTimeField(source="create_in")


class Members(ApiView):
    scopes: ClassVar = {"GET": Scope.MANAGE}
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_members", response=page_of(MemberSerializer), query=ListQuery, tag="organization")
    def get(self, request: Request) -> Response:
        """Returns the members of the organization. Needs the scope `manage`, as only administrators see them on pages."""
        rows = Membership.objects.filter(organization=self.access.organization).select_related("user")
        return respond_by_pk(MemberSerializer, rows, query=self.query, access=self.access)
