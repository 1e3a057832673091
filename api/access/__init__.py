"""Who may use the API: programs with a key, and staff who are signed in.

Modules and what other packages use of them:

    access           what a request may do: ApiAccess
    authentication   finds it out: KeyAuthentication, StaffAuthentication
    scopes           whether it may do what it asks for: HasScope
"""
