"""Settings of an organization, below /o/<organization>/settings/."""

from django.urls import path

from organizations.views import audit, business_profile, invitations, members, number_setup, numbers, organization

urlpatterns = [
    path("", numbers.settings, name="settings"),
    path("numbers/", numbers.numbers, name="numbers"),
    path("numbers/part/", numbers.numbers_part, name="numbers_part"),
    path("numbers/stopped/", numbers.stopped, name="numbers_stopped"),
    path("numbers/new/", number_setup.new_number, name="new_number"),
    path("numbers/new/ids/", number_setup.new_number_ids, name="new_number_ids"),
    path("numbers/<row:number_id>/", numbers.number, name="number"),
    path("numbers/<row:number_id>/name/", numbers.name, name="number_name"),
    path("numbers/<row:number_id>/defaults/", numbers.defaults, name="number_defaults"),
    path("numbers/<row:number_id>/secrets/", numbers.secrets, name="number_secrets"),
    path("numbers/<row:number_id>/receipts/", numbers.receipts, name="number_receipts"),
    path("numbers/<row:number_id>/resume/", numbers.resume, name="number_resume"),
    path("numbers/<row:number_id>/verify-token/", numbers.verify_token, name="number_verify_token"),
    path("numbers/<row:number_id>/switch/", numbers.switch, name="number_switch"),
    path("numbers/<row:number_id>/setup/<slug:step>/", number_setup.setup, name="number_setup"),
    path("numbers/<row:number_id>/proof/", number_setup.proof, name="number_proof"),
    path("numbers/<row:number_id>/profile/", business_profile.business_profile, name="business_profile"),
    path("numbers/<row:number_id>/profile/picture/", business_profile.picture, name="business_profile_picture"),
    path("members/", members.members, name="members"),
    path("members/<row:member_id>/role/", members.change_role, name="member_role"),
    path("members/<row:member_id>/activate/", members.switch, name="member_switch"),
    path("members/<row:member_id>/remove/", members.remove, name="member_remove"),
    path("members/invite/", invitations.invite, name="invite"),
    path("members/invitations/<row:invitation_id>/withdraw/", invitations.withdraw, name="invitation_withdraw"),
    path("members/invitations/<row:invitation_id>/renew/", invitations.renew, name="invitation_renew"),
    path("audit/", audit.audit_log, name="audit_log"),
    path("audit/retention/", audit.retention, name="audit_retention"),
    path("organization/", organization.organization, name="organization"),
    path("organization/deactivate/", organization.deactivate, name="organization_deactivate"),
]
