"""Static files under names that hold a digest of their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Also in the imports of our scripts, so that a browser never runs parts of two versions together."""

    support_js_module_import_aggregation = True
