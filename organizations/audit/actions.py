"""The actions that the audit log records."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditAction(models.TextChoices):
    """What was done. The value is stored, so it never changes."""

    SIGNED_IN = "signed_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
    SIGNED_OUT = "signed_out", _("Signed out")
    SESSIONS_ENDED = "sessions_ended", _("Signed out in other browsers")
    PASSWORD_CHANGED = "password_changed", _("Password changed")
    EMAIL_CHANGED = "email_changed", _("E-mail changed")
    TWO_FACTOR_CHANGED = "two_factor_changed", _("Two-factor sign-in changed")

    CONTACT_CREATED = "contact_created", _("Contact created")
    CONTACT_RENAMED = "contact_renamed", _("Contact renamed")
    CONTACT_SWITCHED = "contact_switched", _("Switch of a contact changed")
    OWNER_CHANGED = "owner_changed", _("Owner of a conversation changed")
    LABELS_GIVEN = "labels_given", _("Labels of a contact changed")
    NOTE_ADDED = "note_added", _("Note written")
    NOTE_CHANGED = "note_changed", _("Note changed")
    NOTE_DELETED = "note_deleted", _("Note deleted")
    CONVERSATION_DONE = "conversation_done", _("Conversation marked as done or reopened")
    CONTACT_BLOCKED = "contact_blocked", _("Contact blocked or unblocked")
    CONSENT_RECORDED = "consent_recorded", _("Consent of a contact recorded")
    CONTACT_ERASED = "contact_erased", _("Contact erased")

    ORGANIZATION_CREATED = "organization_created", _("Organization created")
    ORGANIZATION_CHANGED = "organization_changed", _("Settings of the organization changed")
    NUMBER_CONNECTED = "number_connected", _("Number connected")
    NUMBER_CHANGED = "number_changed", _("Settings of a number changed")
    NUMBER_SECRETS_CHANGED = "number_secrets_changed", _("Secrets of a number changed")
    NUMBER_PROOF_CHANGED = "number_proof_changed", _("Proof of ownership of a number changed")
    BUSINESS_PROFILE_CHANGED = "business_profile_changed", _("Business profile changed")
    LABEL_CHANGED = "label_changed", _("Label created, changed or deleted")
    CANNED_REPLY_CHANGED = "canned_reply_changed", _("Canned reply created, changed or deleted")
    TEMPLATE_CREATED = "template_created", _("Message template created")
    TEMPLATE_CHANGED = "template_changed", _("Message template changed")
    TEMPLATE_DELETED = "template_deleted", _("Message template deleted")
    AUTOMATIC_MESSAGES_CHANGED = "automatic_messages_changed", _("Automatic messages changed")

    MEMBER_ADDED = "member_added", _("Member added")
    MEMBER_CHANGED = "member_changed", _("Member changed")
    MEMBER_REMOVED = "member_removed", _("Member removed")
    INVITATION_SENT = "invitation_sent", _("Invitation sent")
    INVITATION_WITHDRAWN = "invitation_withdrawn", _("Invitation withdrawn")

    API_KEY_CREATED = "api_key_created", _("API key created")
    API_KEY_REVOKED = "api_key_revoked", _("API key revoked")

    EVENT_ADDRESS_ADDED = "event_address_added", _("Address for events added")
    EVENT_ADDRESS_CHANGED = "event_address_changed", _("Address for events changed")
    EVENT_ADDRESS_DELETED = "event_address_deleted", _("Address for events deleted")
    EVENT_SECRET_CHANGED = "event_secret_changed", _("Secret of an address for events changed")
    EVENTS_REPLAYED = "events_replayed", _("Events sent again")

    BOT_CREATED = "bot_created", _("Bot created")
    BOT_CHANGED = "bot_changed", _("Bot changed")
    BOT_PUBLISHED = "bot_published", _("Bot published")
    BOT_SWITCHED = "bot_switched", _("Bot switched on or off")
    BOT_DELETED = "bot_deleted", _("Bot deleted")
    BOT_SECRET_CHANGED = "bot_secret_changed", _("Secret of a bot changed")

    EXPORTED = "exported", _("Data exported")
    EXPORT_DOWNLOADED = "export_downloaded", _("Exported file downloaded")
    EXPORT_ENDED = "export_ended", _("Export cancelled, or its file deleted")
    IMPORTED = "imported", _("Contacts imported")
    REPLAYED = "replayed", _("Webhooks applied again")
    RESTORED = "restored", _("Restored from a backup")
    PRIVACY_CHANGED = "privacy_changed", _("Privacy settings changed")
    DELETION_REQUESTED = "deletion_requested", _("Deletion of the organization requested")
    DELETION_CANCELLED = "deletion_cancelled", _("Deletion of the organization cancelled")
    ORGANIZATION_DELETED = "organization_deleted", _("Organization deleted for good")
    AUDIT_CHANGED = "audit_changed", _("Retention of the audit log changed")

    ADMIN_ADDED = "admin_added", _("Added in admin")
    ADMIN_CHANGED = "admin_changed", _("Changed in admin")
    ADMIN_DELETED = "admin_deleted", _("Deleted in admin")
