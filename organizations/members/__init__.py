"""Members of an organization and their invitations.

Modules and what other packages use of them:

    memberships     members, roles, invitations: add_member, create_organization, Issued
    email_changes   a new e-mail address until it is confirmed: ChangeGone, forget_other_addresses
    forms           forms of members, organization and profile: AlertsForm, DeactivateForm, EmailForm, InviteForm, JoinForm,
                    OrganizationForm, ProfileForm, RoleForm, time_zones
"""
