"""What webhooks report about accounts and numbers: reviews, quality, names, limits.

Modules and what other packages use of them:

    storage           stores the reports: event_digest, store_account_events
    texts             the reports in words: Quality, describe_event, latest_quality
    selectors         what pages read: NumberOverview, latest_account_events, number_overviews, quality_events
    about_one_person  which reports are about one conversation
    account_ids       sets the accounts of numbers that were connected without one: set_account_ids
"""
