"""Secrets of numbers: which secret signed a webhook, and the encryption of stored secrets.

Modules and what other packages use of them:

    signers          finds the organizations whose secret signed a body: KeyRing, PartialSignature, Signature, SignerQuery,
                     build_full_query, build_hint_query, find_key_rings, find_matching_secret, find_numbers_by_verify_token,
                     find_signers, secret_digests
    stored_secrets   checks and re-encrypts secrets: UnreadableSecrets, require_readable_secrets, rotate_keys
"""
