"""The endpoints of an organization: their settings, secrets, tests and replays.

Modules and what other packages use of them:

    services   adds, changes and deletes endpoints, renews secrets, sends tests, replays: EndpointSettings, add_endpoint,
               change_endpoint, delete_endpoint, renew_secret, renew_wanted_kinds, replay_dead, replay_delivery, send_test, try_now
    selectors  reads endpoints and their logs: LogFilter, count_deliveries, endpoints_of, get_delivery_or_404,
               get_endpoint_or_404, latest_test, list_deliveries
    forms      the form of an endpoint: EndpointForm
"""
