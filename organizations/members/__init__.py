"""Organizations, their members and invitations.

Modules and what other packages use of them:

    organizations     creates, changes and deactivates organizations: NameTaken, change_organization, create_organization,
                      deactivate_organization, organizations_without_members
    memberships       members and their roles: add_member
    invitations       invitations by e-mail: IssuedInvitation, backed_invitations,
                      is_backed
    email_changes     a new e-mail until it is confirmed: ChangeGone, delete_other_addresses
    first_superuser   the superuser of a new hub: create_first_superuser
    forms             forms of members, organizations and profiles: AlertsForm, DeactivateForm, EmailForm, InviteForm, JoinForm,
                      OrganizationForm, ProfileForm, RoleForm
    time_zones        time zones to choose from: time_zones, zone_text
"""
