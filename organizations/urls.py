"""Settings of an organization, below /o/<organization>/settings/."""

from django.urls import path

from organizations.views import invitations, members, numbers, organization

urlpatterns = [
    path("", numbers.settings, name="settings"),
    path("numbers/", numbers.numbers, name="numbers"),
    path("numbers/new/", numbers.new_number, name="new_number"),
    path("numbers/<row:number_id>/", numbers.number, name="number"),
    path("numbers/<row:number_id>/setup/<slug:step>/", numbers.setup, name="number_setup"),
    path("numbers/<row:number_id>/proof/", numbers.proof, name="number_proof"),
    path("members/", members.members, name="members"),
    path("members/<row:member_id>/role/", members.change_role, name="member_role"),
    path("members/<row:member_id>/activate/", members.switch, name="member_switch"),
    path("members/<row:member_id>/remove/", members.remove, name="member_remove"),
    path("members/invite/", invitations.invite, name="invite"),
    path("members/invitations/<row:invitation_id>/withdraw/", invitations.withdraw, name="invitation_withdraw"),
    path("members/invitations/<row:invitation_id>/renew/", invitations.renew, name="invitation_renew"),
    path("organization/", organization.organization, name="organization"),
    path("organization/deactivate/", organization.deactivate, name="organization_deactivate"),
]
