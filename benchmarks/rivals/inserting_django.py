"""A Django view with one INSERT, for gunicorn: the usual way to keep a webhook before it is acknowledged, one commit for each.

It has the hub's own database options (on SQLite: WAL, synchronous FULL) and persistent connections. It is spared what a real site
has: no middleware, no signature, no index beside the primary key. It runs in the hub's own environment, so on the same Django and
gunicorn, with as many processes as the hub has.
"""

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from whatsapp_hub.settings import database

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": database(os.environ["DATABASE_URL"])},
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="unused",  # noqa: S106
    USE_TZ=True,
)
django.setup()


class Received(models.Model):
    """A webhook as it came."""

    id = models.BigAutoField(primary_key=True)
    date = models.DateTimeField(auto_now_add=True)
    body = models.TextField()

    class Meta:
        app_label = "rivals"
        db_table = "received"

    def __str__(self) -> str:
        return str(self.pk)


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    Received(body=request.body.decode()).save(force_insert=True)
    return HttpResponse()


if Received._meta.db_table not in connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(Received)

urlpatterns = [path("webhooks/whatsapp/", receive)]
application = get_wsgi_application()
