"""The addresses of the site as they are in DEBUG."""

from whatsapp_hub import design, urls

urlpatterns = [*urls.urlpatterns, *design.urlpatterns]
