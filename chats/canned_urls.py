"""Canned replies of an organization, below /o/<organization>/settings/canned-replies/."""

from django.urls import path

from chats.inbox.views import canned_replies

urlpatterns = [
    path("", canned_replies.canned_replies, name="canned_replies"),
    path("<row:reply_id>/", canned_replies.change, name="canned_reply"),
    path("<row:reply_id>/delete/", canned_replies.delete, name="canned_reply_delete"),
]
