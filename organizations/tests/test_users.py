"""Users are identified by e-mail, ignoring case. Only superusers open the admin."""

import pytest
from django.core.management import call_command
from django.urls import reverse

from organizations.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "uma-senha-longa-7"


def test_a_user_without_an_email_is_refused():
    with pytest.raises(ValueError, match="e-mail"):
        User.objects.create_user("")


def test_the_email_is_kept_in_small_letters_and_the_password_hashed():
    user = User.objects.create_user(" Ana@Example.COM ", PASSWORD)

    assert user.email == "ana@example.com"
    assert PASSWORD not in user.password
    assert user.check_password(PASSWORD)
    assert not user.is_superuser


def test_a_user_without_a_password_cannot_sign_in(client):
    User.objects.create_superuser("ana@example.com")

    assert not client.login(username="ana@example.com", password="")


def test_createsuperuser_takes_the_password_from_the_environment(monkeypatch, client):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="Root@example.com", interactive=False, verbosity=0)

    user = User.objects.get()
    assert (user.email, user.is_superuser, user.activate) == ("root@example.com", True, True)
    assert client.login(username="root@example.com", password=PASSWORD)


def test_anonymous_is_sent_to_the_login_page(client):
    answer = client.get(reverse("admin:webhooks_webhook_changelist"))

    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("columns", [{}, {"is_superuser": True, "activate": False}])
def test_whoever_is_no_active_superuser_gets_no_entry(client, columns):
    user = User.objects.create_user("ana@example.com", PASSWORD, **columns)
    client.force_login(user)

    assert client.get(reverse("admin:index")).status_code == 302
    form = {"login": user.email, "password": PASSWORD, "next": reverse("admin:index")}
    assert client.post(reverse("account_login"), form, follow=True).status_code in (200, 403)
    assert client.get(reverse("admin:index")).status_code == 302


def test_an_operator_creates_a_user_by_email_with_a_password(admin_client, client):
    form = {
        "email": "Bia@Example.com",
        "name": "Bia",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    answer = admin_client.post(reverse("admin:organizations_user_add"), form)

    assert answer.status_code == 302
    assert client.login(username="bia@example.com", password=PASSWORD)


def test_email_that_differs_only_in_case_is_refused(admin_client):
    User.objects.create_user("bia@example.com", PASSWORD)
    form = {"email": "BIA@example.com", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}

    answer = admin_client.post(reverse("admin:organizations_user_add"), form)

    assert answer.status_code == 200
    assert "email" in answer.context["adminform"].form.errors


def test_an_operator_changes_a_password(admin_client, client):
    user = User.objects.create_user("bia@example.com", PASSWORD)
    form = {"usable_password": "true", "password1": "outra-senha-longa-8", "password2": "outra-senha-longa-8"}

    admin_client.post(reverse("admin:auth_user_password_change", args=[user.pk]), form)

    assert client.login(username="bia@example.com", password="outra-senha-longa-8")


def test_operators_cannot_shut_themselves_out(admin_client, admin_user):
    page = reverse("admin:organizations_user_change", args=[admin_user.pk])
    assert admin_client.get(page).status_code == 200
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}

    admin_client.post(page, {"email": admin_user.email, "name": "Eu", **inline})

    admin_user.refresh_from_db()
    assert (admin_user.name, admin_user.activate, admin_user.is_superuser) == ("Eu", True, True)
    assert admin_client.post(reverse("admin:organizations_user_delete", args=[admin_user.pk])).status_code == 403


def test_there_are_no_groups_in_the_admin(admin_client):
    assert admin_client.get("/admin/auth/group/").status_code == 404
