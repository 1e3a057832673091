"""The admin site: its titles, its sign-in, and which tables of other apps it leaves out."""

import django.contrib.auth.admin  # noqa: F401  It registers Group, which is unregistered below.
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

# Rows of these tables would give users another way to sign in, or permissions that the hub does not check.
for model in (Group, EmailAddress, Authenticator):
    admin.site.unregister(model)
admin.site.site_header = admin.site.site_title = "WhatsApp Hub"
admin.site.index_title = _("Operation")
admin.site.site_url = "/"
# Superusers sign in on the hub's own page, with two factors and a limit of attempts.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
