"""Settings of the ready-made site. What differs between installations comes from the environment."""

from pathlib import Path

from django.utils.translation import gettext_lazy as _

from . import environment

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.debug()
SECRET_KEY = environment.secret_key(debug=DEBUG)
ALLOWED_HOSTS = environment.allowed_hosts(debug=DEBUG)
DATABASES = {"default": environment.database(BASE_DIR / "db.sqlite3")}
CACHES = {"default": environment.cache()}
CHANNEL_LAYERS = {"default": environment.channel_layer()}
globals().update(environment.inquirly())

INSTALLED_APPS = [
    "inquirly_site.apps.SiteConfig",
    "contacts.apps.ContactsConfig",
    "inboxes.apps.InboxesConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks_db",
]

MIDDLEWARE = [
    "inboxes.middleware.PublicAPIMiddleware",
    "inquirly_site.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "inquirly_site.middleware.PublicCallsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "inquirly_site.health.HealthMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "inquirly_site.middleware.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "inquirly_site.urls"
WSGI_APPLICATION = "inquirly_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_URL = "media/"
MEDIA_ROOT = environment.media_root(BASE_DIR / "media")
# Without `collectstatic` the files come, uncompressed, from where the packages keep them.
WHITENOISE_USE_FINDERS = DEBUG or not STATIC_ROOT.is_dir()

# `manage.py db_worker` carries out what is queued here.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
# The site stands behind a proxy that ends TLS: pages come from https, requests arrive by http.
CSRF_TRUSTED_ORIGINS = [f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host != "*"]
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # the proxy that ends TLS knows whether HSTS may be promised
    "security.W008",  # and redirects to https
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "hide_secrets": {"()": "inquirly_site.log.HideSecrets"},
        "in_one_line": {"()": "inquirly_site.log.InOneLine"},
    },
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["hide_secrets"], "formatter": "line"},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "channels_redis.pubsub": {"filters": ["in_one_line"]},
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Inquirly",
    "DESCRIPTION": _(
        "Create, read and update contacts through an inbox, with proof of who they are.\n\n"
        "A client opens a session with a POST and keeps its `source_id`: whoever has it can read and change that "
        "contact. Your server signs for people it knows: `identifier` is your id of that person, `identifier_hash` the "
        "HMAC-SHA256 of it, made with the secret `hmac_token` of the inbox. Unsigned calls never meet "
        "anybody else's contact, whatever they name, unless the inbox is set to match claims.\n\n"
        "Answers are JSON, success is always 200, and every refusal is problem details (RFC 9457). Pages of the "
        "origins that the inbox allows can read them."
    ),
    "TAGS": [
        {"name": "inboxes", "description": _("Where contacts arrive.")},
        {"name": "contacts", "description": _("One person, as one session sees them.")},
    ],
    "VERSION": "v1",  # of the API, as in its addresses; the package has its own
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
}
