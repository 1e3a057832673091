"""Secrets of numbers: which secret signed a webhook, and the encryption of stored secrets.

Modules and what other packages use of them:

    signers          finds the organizations whose secret signed a body: Claim, Question, Ring, Signature, ask, ask_all,
                     find_secrets, find_signers, matching, numbers_with_token, secret_marks
    stored_secrets   checks and re-encrypts secrets: UnreadableSecrets, require_readable_secrets, rotate_keys
"""
