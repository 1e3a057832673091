"""The business profile of a number, as customers see it: read from Meta and written there.

Modules and what other packages use of them:

    services   reads and writes it: NoToken, Picture, describe_error, read_picture, read_profile, write_profile
    forms      its form: PICTURE_SIGNATURES, BusinessProfileForm
"""
