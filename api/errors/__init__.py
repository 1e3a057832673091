"""Errors of the API, as RFC 9457 problem documents.

Modules and what other packages use of them:

    problems        what views raise, and the response that it becomes: Problem, Conflict, ProblemSerializer,
                    problem_document, problem_response
    meta            errors of requests to Meta: meta_problems
    django_errors   requests that fail outside the views of the API: bad_request, not_found, permission_denied, server_error
"""
