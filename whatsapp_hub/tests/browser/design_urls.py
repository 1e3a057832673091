"""The addresses of the site as they are in DEBUG."""

from whatsapp_hub import design_urls, urls

urlpatterns = [*urls.urlpatterns, *design_urls.urlpatterns]
