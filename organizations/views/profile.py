"""One's own profile."""

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from organizations.member_forms import ProfileForm
from organizations.models import User


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Name, language, time zone, appearance, shortcuts; and the ways to password and two-factor."""
    user = User.objects.get(pk=request.user.pk or 0)  # a second one: while the form has errors, the page shows what is stored
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(user.language or translation.get_language_from_request(request)):
            messages.success(request, gettext("Saved."))
        return redirect("profile")
    status = 422 if form.errors else 200
    return render(request, "organizations/profile.html", {"form": form, "has_two_factor": is_mfa_enabled(user)}, status=status)
