"""Users, their sessions and their preferences."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from organizations.fields import IdentifierField


class UserManager(BaseUserManager["User"]):
    """Creates and finds users by e-mail, ignoring case."""

    def create_user(self, email: str, password: str | None = None, **columns: Any) -> "User":
        """Returns a stored user. Without a password the user cannot sign in until one is set. Raises ValueError without an
        e-mail."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **columns)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **columns: Any) -> "User":
        """Returns a stored user who runs the hub in Django admin."""
        return self.create_user(email, password, **(columns | {"is_superuser": True}))

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class Theme(models.TextChoices):
    SYSTEM = "", _("as the device")
    LIGHT = "light", _("light")
    DARK = "dark", _("dark")


class EnterKey(models.TextChoices):
    """What the Enter key does in the composer. Shift and Enter always begin a new line, Ctrl and Enter always send."""

    KEYBOARD = "", _("sends, except on a phone")
    SENDS = "sends", _("always sends")
    NEW_LINE = "new_line", _("begins a new line")


class User(AbstractBaseUser):
    """A person who signs in. A superuser runs the hub. Other users see the organizations of which they are members."""

    name = models.CharField(_("name"), max_length=150, blank=True)
    email = models.EmailField(_("e-mail"), unique=True, error_messages={"unique": _("This e-mail is already in use.")})
    activate = models.BooleanField(
        _("active"), default=True, help_text=_("Switched off, the user is signed out at once and cannot sign in.")
    )
    is_superuser = models.BooleanField(_("superuser"), default=False, help_text=_("Runs the platform in this admin."))
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    language = models.CharField(_("language"), max_length=8, blank=True, default="", db_default="", choices=settings.LANGUAGES)
    """Empty: the language that the browser requests."""
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="", db_default="")
    """An IANA name. Empty: the organization's time zone on its pages, and the hub's (TIME_ZONE) elsewhere."""
    theme = models.CharField(_("appearance"), max_length=8, blank=True, choices=Theme, default=Theme.SYSTEM, db_default="")
    shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True, db_default=True)
    enter_key = models.CharField(
        _("the Enter key"), max_length=8, blank=True, choices=EnterKey, default=EnterKey.KEYBOARD, db_default=""
    )
    alert_sound = models.BooleanField(_("sound for new messages"), default=False, db_default=False)
    alert_notifications = models.BooleanField(_("notifications for new messages"), default=False, db_default=False)
    """Each browser asks separately for permission to show notifications."""
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """Increases when the user signs out everywhere else. Sessions of an earlier epoch are no longer valid."""

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Returns Django's hash of the password. If `session_epoch` is not 0, the hash depends on it too."""
        plain: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]  # django-stubs does not know it
        if not self.session_epoch:
            return plain
        return salted_hmac("organizations.models.User.session_epoch", f"{plain}{self.session_epoch}", secret=secret).hexdigest()

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # Django's is a constant
        """Django's name for `activate`."""
        return self.activate

    @property
    def is_staff(self) -> bool:
        """Whether the user may open Django admin."""
        return self.is_superuser

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return self.activate and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.activate and self.is_superuser


class UserSession(models.Model):
    """When and in which browser a user signed in, for the session list of the profile. Deleted together with Django's session
    row."""

    session = models.OneToOneField(
        "sessions.Session",
        primary_key=True,
        on_delete=models.CASCADE,
        db_constraint=False,  # a process of the previous version deletes sessions and does not know this table
        related_name="+",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        # The list in the profile.
        related_name="user_sessions",
    )
    user_agent = models.CharField(max_length=300, blank=True)
    """As the browser sent it."""
    signed_in_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    """When a page of the session was last opened. It may be some minutes behind."""

    class Meta:
        db_table = "user_session"

    def __str__(self) -> str:
        return str(self.user_id)


class EmailChange(models.Model):
    """A new e-mail of a user that is not confirmed yet. The link that confirms it is sent to the new address. Only a digest of the
    link's token is stored."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    token_digest = IdentifierField(
        max_length=64,
        # The link finds the row by it.
        unique=True,
    )
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "user_email_change"

    def __str__(self) -> str:
        return str(self.user_id)
