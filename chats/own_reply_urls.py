"""A member's own canned replies, below /o/<organization>/canned-replies/."""

from django.urls import path

from chats.inbox.views import canned_replies

urlpatterns = [
    path("", canned_replies.own_replies, name="own_replies"),
    path("<row:own_reply_id>/", canned_replies.change_own, name="own_reply"),
    path("<row:own_reply_id>/delete/", canned_replies.delete_own, name="own_reply_delete"),
]
