"""The pages of webhook bots, and the log of requests, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.remote_pages.views import bots, log

urlpatterns = [
    path("webhook/new/", bots.new_webhook_bot, name="webhook_new"),
    path("<row:bot_id>/webhook/", bots.webhook_bot, name="webhook_bot"),
    path("<row:bot_id>/webhook/save/", bots.save, name="webhook_save"),
    path("<row:bot_id>/webhook/publish/", bots.publish, name="webhook_publish"),
    path("<row:bot_id>/webhook/secret/", bots.new_secret, name="webhook_secret"),
    path("<row:bot_id>/webhook/test/", bots.test, name="webhook_test"),
    path("<row:bot_id>/webhook/test/<row:request_id>/", bots.test_result, name="webhook_test_result"),
    path("<row:bot_id>/try-now/", bots.try_now, name="bot_try_now"),
    path("<row:bot_id>/log/", log.log, name="bot_log"),
    path("<row:bot_id>/log/rows/", log.rows, name="bot_log_rows"),
    path("<row:bot_id>/log/<row:request_id>/", log.log_request, name="bot_log_request"),
]
