#!/usr/bin/env python
"""Django's command line for the hub."""

import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Runs a command. Errors that an operator can resolve are a sentence, without a traceback."""
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415  settings are chosen first
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # otherwise a log file shows nothing of a worker until it ends
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refusal:
        sys.exit(f"The hub cannot start: {refusal}")
    except OSError as failure:
        from django.conf import settings  # noqa: PLC0415  they are there by now

        from whatsapp_hub.embedded_mode import describe_unusable_path, is_inside  # noqa: PLC0415

        if is_inside(settings.VAR_DIR, failure.filename):
            sys.exit(f"The hub cannot start: {describe_unusable_path(failure.filename, failure)}")
        raise
    except Exception as failure:
        from whatsapp_hub.database_errors import describe_error, find_database_error  # noqa: PLC0415  which needs the settings

        if cause := find_database_error(failure):
            sys.exit(f"The database cannot be used: {describe_error(cause)}")
        raise


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
    main()
