"""Bots as a whole, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.publishing.views import bots, numbers, versions

urlpatterns = [
    path("", bots.bots, name="bots"),
    path("new/", bots.new_bot, name="bot_new"),
    path("import/", bots.import_bot, name="bot_import"),
    path("numbers/<row:number_id>/off/", numbers.switch_off, name="number_bot_off"),
    path("numbers/<row:number_id>/ai/off/", numbers.switch_ai_off, name="number_ai_off"),
    path("<row:bot_id>/rename/", bots.rename, name="bot_rename"),
    path("<row:bot_id>/delete/", bots.delete, name="bot_delete"),
    path("<row:bot_id>/export/", bots.export, name="bot_export"),
    path("<row:bot_id>/publish/", versions.publish, name="bot_publish"),
    path("<row:bot_id>/unpublish/", versions.unpublish, name="bot_unpublish"),
    path("<row:bot_id>/versions/", versions.versions, name="bot_versions"),
    path("<row:bot_id>/versions/<row:version_id>/restore/", versions.restore, name="bot_version_restore"),
    path("<row:bot_id>/versions/<row:version_id>/export/", versions.export, name="bot_version_export"),
    path("<row:bot_id>/numbers/", numbers.numbers, name="bot_numbers"),
    path("<row:bot_id>/numbers/<row:number_id>/contacts/", numbers.contact_switch, name="number_contact_switch"),
]
