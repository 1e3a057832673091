"""Settings, from the environment, then from `.env`. Embedded mode sets what neither has.

The variables are listed in docs/architecture.md "Contracts with other programs".
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from whatsapp_hub import configuration, embedded_mode, monitoring_configuration

BASE_DIR = Path(__file__).resolve().parent.parent

env = configuration.Env()
configuration.read_env_file(BASE_DIR / ".env")

VAR_DIR = configuration.var_directory(env.str("VAR_DIR", default="").strip() or str(BASE_DIR / "var"))
embedded_mode.keep_private(VAR_DIR)
DEBUG = configuration.switch("DEBUG", env.str("DEBUG", default=""))

LAST_PORT = 65_535
BIND = configuration.listen_address(env.str("BIND", default=""))
PORT = configuration.whole_number("PORT", env.str("PORT", default=""), default=8000, minimum=1, maximum=LAST_PORT)

ALLOWED_HOSTS = configuration.host_names("ALLOWED_HOSTS", env.list("ALLOWED_HOSTS", default=[])) or [
    *("localhost", "127.0.0.1", "[::1]")
]
CSRF_TRUSTED_ORIGINS = configuration.origins("CSRF_TRUSTED_ORIGINS", env.list("CSRF_TRUSTED_ORIGINS", default=[]))
FORWARDED_ALLOW_IPS = configuration.proxies("FORWARDED_ALLOW_IPS", env.list("FORWARDED_ALLOW_IPS", default=[]))
"""Proxies whose X-Forwarded-For is believed."""

META_APP_SECRET = env.str("META_APP_SECRET", default="")
PREVIOUS_APP_SECRET_DAYS = configuration.days(
    "PREVIOUS_APP_SECRET_DAYS", env.str("PREVIOUS_APP_SECRET_DAYS", default=""), default=7
)
"""Days for which a number's previous app secret is accepted after it was replaced."""
META_GRAPH_URL = configuration.web_address("META_GRAPH_URL", env.str("META_GRAPH_URL", default="")) or "https://graph.facebook.com"
META_GRAPH_VERSION = configuration.graph_version(env.str("META_GRAPH_VERSION", default=""))
WEBHOOK_RETENTION_DAYS = configuration.whole_number(
    "WEBHOOK_RETENTION_DAYS", env.str("WEBHOOK_RETENTION_DAYS", default=""), default=0, minimum=2, maximum=3650
)
"""Days after which webhooks that are in the log of no organization are deleted. 0: never."""
ORGANIZATION_DELETION_DAYS = configuration.whole_number(
    "ORGANIZATION_DELETION_DAYS", env.str("ORGANIZATION_DELETION_DAYS", default=""), default=30, minimum=1, maximum=3650
)
"""Days for which the deletion of an organization can be cancelled."""
MOST_UNAPPLIED_ITEMS = configuration.whole_number(
    "MOST_UNAPPLIED_ITEMS", env.str("MOST_UNAPPLIED_ITEMS", default=""), default=20_000, minimum=1
)
"""Parts of webhooks that are kept for each organization because they cannot be applied yet, or ever. What has more of them stays in
the raw log and is dead until a person applies it again."""
BOT_ALLOWED_ADDRESSES = configuration.allowed_addresses("BOT_ALLOWED_ADDRESSES", env.list("BOT_ALLOWED_ADDRESSES", default=[]))
"""Hosts and networks that bots may call although they are not public or have no https: see docs/bots-web-calls.md."""

API_REQUESTS_PER_MINUTE = configuration.whole_number(
    "API_REQUESTS_PER_MINUTE", env.str("API_REQUESTS_PER_MINUTE", default=""), default=600, minimum=1
)
"""Requests that one API key may make in a minute."""

SIMULATOR = embedded_mode.runs_simulator(
    env.str("SIMULATOR", default=""),
    is_configured=any(env.str(name, default="") for name in ("SECRET_KEY", "DATABASE_URL", "CSRF_TRUSTED_ORIGINS")),
    bind=BIND,
    hosts=ALLOWED_HOSTS,
    origins=CSRF_TRUSTED_ORIGINS,
)
"""Whether this hub has a phone and a stand-in for Meta, to be tried without an account there."""
SIMULATOR_PORT = configuration.whole_number(
    "SIMULATOR_PORT",
    env.str("SIMULATOR_PORT", default=""),
    default=PORT + 1 if PORT < LAST_PORT else PORT - 1,
    minimum=1,
    maximum=LAST_PORT,
)
SIMULATOR_URL = f"http://127.0.0.1:{SIMULATOR_PORT}"

# The hub is reached over TLS when an https origin is trusted; the proxy in front says so in X-Forwarded-Proto.
behind_tls = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
SESSION_COOKIE_SECURE = behind_tls
CSRF_COOKIE_SECURE = behind_tls
if behind_tls:  # browsers accept these names only from this host, with Secure, so no neighbour on the domain can set them
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_HTTPONLY = True  # scripts read the token from the page
LANGUAGE_COOKIE_SECURE = behind_tls
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = behind_tls
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = 31_536_000 if behind_tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = behind_tls
SECURE_HSTS_PRELOAD = behind_tls
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if behind_tls else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],  # the QR code of two-factor sign-in; files that are about to be sent
        "media-src": ["'self'", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}

INSTALLED_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "whatsapp_hub",
    "backups",
    "assistants",
    "events",
    "api",
    "simulator",
    "privacy",
    "webhooks",
    "demo_data",
    "bots",
    "chats",
    "contacts",
    "organizations",
    "jobs",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "monitoring.logs.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "organizations.login.preferences.PreferencesMiddleware",
    "organizations.audit.middleware.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "whatsapp_hub.urls"
WSGI_APPLICATION = None

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "organizations.login.preferences.appearance",
                "simulator.context.phone",
            ],
        },
    },
]

MYSQL_SESSION = "SET sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE', time_zone='+00:00'"
MYSQL_OPTIONS: dict[str, Any] = {
    "charset": "utf8mb4",
    "connect_timeout": 3,
    "isolation_level": "read committed",
    "init_command": MYSQL_SESSION,
}
# Another server answers if a replica does not, so it is not waited for. No session may write to it. Only MariaDB reads the first
# comment, only MySQL the second one.
REPLICA_OPTIONS: dict[str, Any] = MYSQL_OPTIONS | {
    "connect_timeout": 1,
    "read_timeout": 10,
    "write_timeout": 10,
    "init_command": f"{MYSQL_SESSION} /*M!100200 , tx_read_only=1 */ /*!80000 , transaction_read_only=1 */",
}
OPTIONS_BY_ENGINE = {
    "django.db.backends.sqlite3": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    },
    "django.db.backends.mysql": MYSQL_OPTIONS,
    # A host that vanishes without closing its connections must not be waited for, because others answer. A statement that
    # conflicts with another node runs again; in a transaction, `run_in_transaction` does that. Only MariaDB reads the comment.
    configuration.CLUSTER_ENGINE: MYSQL_OPTIONS
    | {
        "connect_timeout": 2,
        "read_timeout": 30,
        "write_timeout": 30,
        "init_command": f"{MYSQL_SESSION} /*M!100200 , wsrep_retry_autocommit=8 */",
    },
}


def database(url: str) -> dict[str, Any]:
    """Django's description of the database at `url`, with the options that the hub's guarantees need."""
    config = configuration.database_config(url, base=BASE_DIR)
    is_file = config["ENGINE"] == "django.db.backends.sqlite3"
    config["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")} if is_file else {"CHARSET": "utf8mb4"}
    return with_connection_settings(config, OPTIONS_BY_ENGINE[config["ENGINE"]])


def with_connection_settings(config: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what all connections have, and these options, which the URL may overrule."""
    options = {**options, **config.get("OPTIONS", {})}
    return config | {"OPTIONS": options, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def web_processes(database: Mapping[str, object]) -> int:
    """One for SQLite, which has one writer at a time; else one for each core, up to four."""
    return 1 if database["ENGINE"] == "django.db.backends.sqlite3" else min(4, os.cpu_count() or 1)


DATABASES = {"default": database(env.str("DATABASE_URL", default="") or embedded_mode.database_url(VAR_DIR))}
replica = configuration.replica_config(env.str("DATABASE_REPLICA_URL", default=""), primary=DATABASES["default"])
if replica:  # pages and exports read from it: see docs/scaling.md
    DATABASES["replica"] = with_connection_settings(replica, REPLICA_OPTIONS) | {"TEST": {"MIRROR": "default"}}
    DATABASE_ROUTERS = ["whatsapp_hub.replicas.router.ReplicaRouter"]
    MIDDLEWARE.append("whatsapp_hub.replicas.pages.ReplicaMiddleware")
is_embedded = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if is_embedded:
    embedded_mode.keep_database_private(DATABASES["default"]["NAME"])
SECRET_KEY = embedded_mode.secret_key(VAR_DIR, given=env.str("SECRET_KEY", default=""), may_create=is_embedded)
FIELD_ENCRYPTION_KEYS = embedded_mode.encryption_keys(
    VAR_DIR, given=env.list("FIELD_ENCRYPTION_KEYS", default=[]), may_create=is_embedded
)
"""Fernet keys; the first encrypts, all decrypt."""
WEB_CONCURRENCY = configuration.whole_number(
    "WEB_CONCURRENCY", env.str("WEB_CONCURRENCY", default=""), default=0, maximum=1000
) or web_processes(DATABASES["default"])
WORK_ENGINE = configuration.work_engine(env.str("WORK_ENGINE", default=""))
CELERY_BROKER_URL = configuration.broker_url(env.str("CELERY_BROKER_URL", default=""), engine=WORK_ENGINE)
"""See docs/work-engines.md."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "organizations.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an invitation reached its address; superusers answer for the others
ACCOUNT_ADAPTER = "organizations.login.adapter.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # an address without a user gets no mail
ACCOUNT_FORMS = {"reset_password": "organizations.login.adapter.ResetPasswordForm"}
# allauth's own keeps a second table of addresses, by which an old one would still sign in after it was changed.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
MFA_ADAPTER = "organizations.login.two_factor.MFAAdapter"
MFA_FORMS = {"authenticate": "organizations.login.two_factor.CodeForm"}
MFA_ALLOW_UNVERIFIED_EMAIL = True  # users do not sign up by themselves, so an address is always theirs
MFA_TOTP_ISSUER = "WhatsApp Hub"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
SESSION_COOKIE_AGE = 14 * 24 * 3600

# Attempts to sign in are counted for all processes and machines together.
# With room for all that are guessed at: a full cache forgets what it must not.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "fragments": {  # rendered rows and messages, some 3 kB each, of this process alone
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "fragments",
        "OPTIONS": {"MAX_ENTRIES": 5_000},
    },
}

EMAIL_CONFIG = configuration.mail_server(env.str("EMAIL_URL", default=""))
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = configuration.sender(env.str("DEFAULT_FROM_EMAIL", default=""))
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "organizations.login.passwords.GuessableWordsValidator"},
]

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["whatsapp_hub.formats"]
TIME_ZONE = configuration.time_zone(env.str("TIME_ZONE", default=""))
USE_TZ = True

# Whatever is under VAR_DIR is its owner's alone.
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STATIC_URL = "static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Files of messages: on this machine, or in a bucket that speaks S3, which all machines share.
MEDIA_ROOT = VAR_DIR / "media"
S3_BUCKET = configuration.bucket(env.str("S3_BUCKET", default=""))
STORAGE_QUOTA = (
    configuration.whole_number("STORAGE_QUOTA_GB", env.str("STORAGE_QUOTA_GB", default=""), default=50, maximum=10**6) * 2**30
)
"""Bytes of files that an organization may have where it has no quota of its own."""
FILES: dict[str, Any] = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
IN_BUCKET: dict[str, Any] = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": S3_BUCKET,
        "endpoint_url": configuration.web_address("S3_ENDPOINT_URL", env.str("S3_ENDPOINT_URL", default="")) or None,
        "region_name": env.str("S3_REGION", default="") or None,
        "file_overwrite": False,
        "max_memory_size": 2**20,
    },
}
STORAGES = {
    "default": IN_BUCKET if S3_BUCKET else FILES,
    "staticfiles": {"BACKEND": "whatsapp_hub.static_files.storage.StaticFiles"},
}

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "api.errors.problems.problem_response",
    "DEFAULT_SCHEMA_CLASS": "api.endpoints.schema.HubSchema",
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "WhatsApp Hub",
    "DESCRIPTION": "Contacts, conversations and messages of one organization. docs/api.md explains what all operations share.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "WEBHOOKS": [
        "events.openapi.MESSAGE_RECEIVED",
        "events.openapi.MESSAGE_STATUS",
        "events.openapi.CONVERSATION_OPENED",
        "events.openapi.CONVERSATION_CLOSED",
        "events.openapi.CONVERSATION_OWNER_CHANGED",
        "events.openapi.CONTACT_CREATED",
        "events.openapi.CONTACT_CHANGED",
        "events.openapi.NUMBER_HEALTH",
        "events.openapi.TEMPLATE_CHANGED",
    ],
    "ENUM_NAME_OVERRIDES": {
        "WhoAnswers": "organizations.models.Profile",
        "Owner": "contacts.owners.Owner",
        "OwnerReason": "contacts.owners.OwnerReason",
        "MessageStatus": "chats.models.MessageStatus",
        "Origin": "chats.models.Origin",
        "BotKind": "bots.models.BotKind",
        "ContactChangeKind": "contacts.models.ContactChange.Kind",
        "RowState": "jobs.models.State",
        "NumberState": "organizations.numbers.states.NumberState",
    },
}

WORKER_METRICS = monitoring_configuration.metrics_address(env.str("WORKER_METRICS", default=""))
"""Where a worker serves its counters. See docs/monitoring.md."""

SENTRY_DSN = monitoring_configuration.report_address("SENTRY_DSN", env.str("SENTRY_DSN", default=""), module="sentry_sdk")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="")
OTEL_ENDPOINT = monitoring_configuration.report_address(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""),
    module="opentelemetry.exporter.otlp.proto.http",
)
if OTEL_ENDPOINT:
    MIDDLEWARE.insert(1, "monitoring.reports.spans.SpanMiddleware")
LOG_FORMAT = monitoring_configuration.log_format(env.str("LOG_FORMAT", default=""))
LOG_TRACE = configuration.switch("LOG_TRACE", env.str("LOG_TRACE", default=""))
"""Whether each step of each message has a log line."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "monitoring.logs.LineFormatter"}, "json": {"()": "monitoring.logs.JsonFormatter"}},
    "filters": {"refusals": {"()": "monitoring.logs.RefusalsInOneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["refusals"]}},
    "loggers": {
        "hub.trace": {"level": "INFO" if LOG_TRACE else "WARNING"},
        "urllib3": {"level": "WARNING"},  # below that it writes addresses, which hold the app secret's proof
        "urllib3.connection": {"level": "ERROR"},  # its warnings about headers contain URLs
        "httpx2": {"level": "WARNING"},  # below that it writes the addresses of AIs
        "openai": {"level": "WARNING"},  # below that it writes requests
        "celery.worker.strategy": {"level": "WARNING"},  # below that it writes a line for each task
        "celery.app.trace": {"level": "WARNING"},  # the same
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
