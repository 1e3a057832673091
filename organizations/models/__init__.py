"""Models of users, organizations, numbers and what is watched of them, queued e-mails, the audit log and events."""

from organizations.models.audit import HUB, ActorKind, AppendOnly, AuditChain, AuditEntry
from organizations.models.events import Event, EventKey
from organizations.models.mail import Mail
from organizations.models.number_watch import NumberTraffic, NumberWarning, WarningKind
from organizations.models.numbers import CLAIM_MARK, AccountEvent, BotReturn, PhoneNumber, PhoneNumberQuerySet, Profile, Proof
from organizations.models.organizations import (
    DEFAULT_AUDIT_DAYS,
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
    "DEFAULT_AUDIT_DAYS",
    "HUB",
    "INVITATION_LIFETIME",
    "AccountEvent",
    "ActorKind",
    "AppendOnly",
    "AuditChain",
    "AuditEntry",
    "BotReturn",
    "EmailChange",
    "EnterKey",
    "Event",
    "EventKey",
    "Invitation",
    "Mail",
    "Membership",
    "NumberTraffic",
    "NumberWarning",
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
    "WarningKind",
    "hub_time_zone",
    "new_organization_key",
]
