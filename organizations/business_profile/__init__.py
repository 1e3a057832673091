"""The business profile of a number, as customers see it: read from Meta and written there.

Modules and what other packages use of them:

    services   reads and writes it: NoToken, read_picture, read_profile, refusal_words, write_profile
    forms      its form: BusinessProfileForm
"""
