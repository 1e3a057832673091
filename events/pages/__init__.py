"""The pages of endpoints, for administrators.

Modules and what other packages use of them:

    display   endpoints and deliveries in words: describe_bodies, describe_delivery, endpoint_state, kind_words, problem_sentence
    views     the views
"""
