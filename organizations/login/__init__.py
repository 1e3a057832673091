"""How users sign in: user sessions, the second factor, preferences.

Modules and what other packages use of them:

    adapter         rules of django-allauth's pages: who may sign in, and how its mails are sent
    user_sessions   where a user is signed in: delete_expired_sessions, record_session_of_request, record_session_at_intervals
    two_factor      encrypts the secrets of the second factor: with_secrets_changed
    preferences     language, time zone and theme of pages: activate_zone_of
"""
