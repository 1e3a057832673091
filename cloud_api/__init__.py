"""Meta's platform: signatures, payloads, the Graph client, error codes, WhatsApp ids, and limits of messages, files and templates.

Plain Python without Django, shared by the hub and the simulator. The facts are in docs/meta-platform.md 1, 2, 3, 4, 5, 6, 8, 9.

    signature       `sign`, `matching_secret`
    payloads        `parse`, `iterate`: the body of a webhook as items
    graph           `Graph`: calls to Meta; `Connections` that they share
    errors          `explained`, `can_try_again`, `own_words`: what an error code means
    messages        builders of API objects; `media_types`, `message_checks`, `template_checks` and `limits` check them
    wa_ids          `read_phone_number`, `same_person_key`, `variants`, `formatted`
"""
