"""Removes the users of a deleted organization that are members of no other one."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from jobs.transactions import in_transaction
from organizations.models import EmailChange, Membership, User, UserSession


def remove_users(organization_id: int) -> int:
    """Removes the members' users that have no other membership, except superusers. Returns how many.

    Their rows stay without name, e-mail and password: messages and records of other organizations may refer to them.
    """
    own = Membership.objects.filter(organization=organization_id, user=OuterRef("pk"))
    others = Membership.objects.filter(user=OuterRef("pk")).exclude(organization=organization_id)
    users = User.objects.filter(Exists(own), ~Exists(others), is_superuser=False).exclude(email__endswith=REMOVED)
    return sum(_remove(user_id) for user_id in list(users.values_list("pk", flat=True)))


REMOVED = "@removed.invalid"


@in_transaction
def _remove(user_id: int) -> int:
    sessions = list(UserSession.objects.filter(user=user_id).values_list("session", flat=True))
    UserSession.objects.filter(user=user_id).delete()
    Session.objects.filter(pk__in=sessions).delete()
    for model in (EmailAddress, EmailChange, Authenticator):
        model._default_manager.filter(user=user_id).delete()
    columns = {"name": "", "email": f"{user_id}{REMOVED}", "password": make_password(None), "activate": False}
    return User.objects.filter(pk=user_id).update(**columns)
