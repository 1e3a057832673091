from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from monitoring.reports.start import start_reports


class HubConfig(AppConfig):
    name = "whatsapp_hub"

    def ready(self) -> None:
        """Starts the reports that are set. With the engine `celery`, wake-ups are also published. Without it, Celery is never
        imported."""
        start_reports()
        if settings.WORK_ENGINE == "celery":
            import_module("whatsapp_hub.celery.wakeups").listen()
