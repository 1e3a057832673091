"""Delivers events to endpoints.

    fan_out    makes a delivery of each event for each endpoint that wants it
    lane       leases queues of endpoints, and posts their deliveries in threads
    results    stores what came of them

Modules and what other packages use of them:

    bodies      the body of an event: build_bodies, TEST
    circuits    when an endpoint is not tried: end_pause
    lane        the lane: LANE
    log_expiry  chores: delete_old_deliveries, delete_removed_endpoints, give_up_old_deliveries
"""
