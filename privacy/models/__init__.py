"""Models of erasures and exports of one person, of retention, and of the deletion of organizations."""

from privacy.models.erasures import Erasure
from privacy.models.organization_deletions import DeletionStep, OrganizationDeletion
from privacy.models.person_exports import PersonExport, PersonExportPart
from privacy.models.retention import PrivacySettings

__all__ = ["DeletionStep", "Erasure", "OrganizationDeletion", "PersonExport", "PersonExportPart", "PrivacySettings"]
