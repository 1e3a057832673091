"""URLs outside any organization: sign-in, profile, invitations, and creating organizations."""

from allauth.account import views as account
from allauth.account.decorators import reauthentication_required
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path, re_path
from django.views.i18n import set_language

from organizations.views import home, invitations, organization, profile

urlpatterns = [
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", home.in_frame(home.clears_browser(account.logout)), name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/change/", home.in_frame(account.password_change), name="account_change_password"),
    path("accounts/password/set/", home.in_frame(reauthentication_required(account.password_set)), name="account_set_password"),
    path("accounts/password/reset/", account.password_reset, name="account_reset_password"),
    path("accounts/password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("accounts/password/reset/key/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("accounts/2fa/", home.in_frame(mfa.index), name="mfa_index"),
    path("accounts/2fa/authenticate/", mfa.authenticate, name="mfa_authenticate"),
    path("accounts/2fa/reauthenticate/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("accounts/2fa/totp/activate/", home.in_frame(totp.activate_totp), name="mfa_activate_totp"),
    path("accounts/2fa/totp/deactivate/", home.in_frame(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("accounts/2fa/recovery-codes/", home.in_frame(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "accounts/2fa/recovery-codes/generate/",
        home.in_frame(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path("accounts/2fa/recovery-codes/download/", recovery_codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("language/", set_language, name="set_language"),
    path("profile/", profile.profile, name="profile"),
    path("profile/alerts/", profile.alert_preferences, name="alert_preferences"),
    path("profile/sessions/end/", profile.end_session, name="end_session"),
    path("profile/sessions/end-others/", profile.end_other_sessions, name="end_other_sessions"),
    path("profile/email/", profile.change_email, name="change_email"),
    path("profile/email/withdraw/", profile.withdraw_email, name="withdraw_email"),
    path("profile/email/<str:token>/", profile.confirm_email, name="confirm_email"),
    path("organizations/new/", organization.new_organization, name="new_organization"),
    path("organizations/<row:organization_id>/take-over/", home.take_over, name="take_over"),
    path("invitations/<str:token>/", invitations.accept, name="invitation"),
]
