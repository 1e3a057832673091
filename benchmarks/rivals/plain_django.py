"""A Django view that does nothing, for gunicorn: the least that any webhook in Django costs.

It is spared what a real site has: no middleware, no database, no signature, and the body is not even read. It runs in the hub's own
environment, so on the same Django and gunicorn, with as many processes as the hub has.
"""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, SECRET_KEY="unused", MIDDLEWARE=[])  # noqa: S106
django.setup()


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("webhooks/whatsapp/", receive)]
application = get_wsgi_application()
