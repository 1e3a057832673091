"""Static files under names that contain a hash of their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Also renames the imports inside our ES modules, so that a browser never runs modules of two versions together.

    A module must not import itself, directly or through others: its name would depend on itself, and collectstatic fails.
    """

    support_js_module_import_aggregation = True

    # The hash of a module depends on the names of its imports. In the worst case, one pass corrects one level of imports.
    max_post_process_passes = 20
