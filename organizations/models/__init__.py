"""Models of users, organizations, numbers and queued e-mails."""

from organizations.models.mail import Mail
from organizations.models.numbers import CLAIM_MARK, AccountEvent, BotReturn, PhoneNumber, PhoneNumberQuerySet, Profile, Proof
from organizations.models.organizations import (
    INVITATION_LIFETIME,
    Invitation,
    Membership,
    Organization,
    Revision,
    Role,
    StorageUse,
    hub_time_zone,
    new_organization_key,
)
from organizations.models.users import EmailChange, EnterKey, Theme, User, UserSession

__all__ = [
    "CLAIM_MARK",
    "INVITATION_LIFETIME",
    "AccountEvent",
    "BotReturn",
    "EmailChange",
    "EnterKey",
    "Invitation",
    "Mail",
    "Membership",
    "Organization",
    "PhoneNumber",
    "PhoneNumberQuerySet",
    "Profile",
    "Proof",
    "Revision",
    "Role",
    "StorageUse",
    "Theme",
    "User",
    "UserSession",
    "hub_time_zone",
    "new_organization_key",
]
