"""The stand-in's Graph API.

Modules and what other packages use of them:

    api                answers requests: GraphApi
    request_checks     checks messages as Graph does: FileOf, as_error_response, check_file, check_request
    templates          checks message templates: check_parameters, new_template, shown
    profile_pictures   uploads of profile pictures: ProfilePictures
"""
