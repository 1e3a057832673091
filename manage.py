#!/usr/bin/env python
"""Django's command line for the hub."""

import os
import select
import sys
from io import TextIOWrapper


def main() -> None:
    """Runs a command. Errors that an operator can resolve are a sentence, without a traceback."""
    from django.core.management import execute_from_command_line  # noqa: PLC0415  settings are chosen first

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # otherwise a log file shows nothing of a worker until it ends
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except Exception as failure:
        if isinstance(failure, BrokenPipeError) and is_output_closed():
            sys.exit(1)
        if sentence := explain(failure):
            sys.exit(sentence)
        raise


def explain(failure: Exception) -> str | None:
    """Returns what an operator has to do, or None for other errors."""
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    if isinstance(failure, ImproperlyConfigured):
        return f"The hub cannot start: {failure}"
    if isinstance(failure, OSError):
        from django.conf import settings  # noqa: PLC0415  they are there by now

        from whatsapp_hub.embedded_mode import describe_unusable_path, is_inside  # noqa: PLC0415

        if is_inside(settings.VAR_DIR, failure.filename):
            return f"The hub cannot start: {describe_unusable_path(failure.filename, failure)}"
        return None
    from whatsapp_hub.database_errors import describe_error, find_database_error  # noqa: PLC0415  which needs the settings

    cause = find_database_error(failure)
    return f"The database cannot be used: {describe_error(cause)}" if cause else None


def is_output_closed() -> bool:
    """Returns whether the program that read the output has ended, such as `head`. If so, nothing more is written."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not any(events & select.POLLERR for _file, events in output.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
    main()
