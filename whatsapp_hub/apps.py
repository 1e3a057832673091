from django.apps import AppConfig


class HubConfig(AppConfig):
    name = "whatsapp_hub"
