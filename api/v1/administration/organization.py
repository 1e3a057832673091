"""The organization that a request is about."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.views import ApiView
from organizations.storage import quota_of, storage_used


class OrganizationSerializer(serializers.Serializer):
    """The organization of the key, or of the member."""

    name = serializers.CharField(source="organization_name")
    country = serializers.CharField(help_text="ISO 3166 code: phones without a country code are of this country.")
    time_zone = serializers.CharField(help_text="IANA name. Empty: the hub's own.")
    created_at = serializers.DateTimeField(source="create_in")
    storage_used = serializers.SerializerMethodField(help_text="Bytes of its files.")
    storage_quota = serializers.SerializerMethodField(help_text="Bytes that its files may have.")

    def get_storage_used(self, organization: object) -> int:
        return storage_used(self.context["access"].organization)

    def get_storage_quota(self, organization: object) -> int:
        return quota_of(self.context["access"].organization)


class OneOrganization(ApiView):
    @operation("get_organization", response=OrganizationSerializer, tag="organization")
    def get(self, request: Request) -> Response:
        """Returns the organization."""
        access = self.access
        return Response(OrganizationSerializer(access.organization, context={"access": access}).data)
