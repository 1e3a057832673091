"""The URLs of the site and more: a page and a URL of the API that block until `opened` is set, and one that accepts a file."""

import hashlib
import threading

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from whatsapp_hub import urls

opened = threading.Event()


def block(request: HttpRequest) -> HttpResponse:
    assert opened.wait(20)
    return HttpResponse("opened")


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    (file,) = request.FILES.values()
    assert isinstance(file, UploadedFile)
    return HttpResponse(hashlib.sha256(file.read()).hexdigest())


urlpatterns = [path("block", block), path("api/block", block), path("upload", upload), *urls.urlpatterns]
