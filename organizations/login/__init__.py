"""Signing in: sessions of users, the second factor, preferences.

Modules and what other packages use of them:

    adapter         how django-allauth signs users in and sends mail
    user_sessions   where a user is signed in: delete_expired_sessions, note_request, note_sometimes
    two_factor      encrypts the secrets of the second factor: with_secrets_changed
    preferences     language, time zone and theme of pages: use_zone_of
"""
