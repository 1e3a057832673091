"""Static files: the storage `StaticFiles` of the settings, and the joining of ES modules."""
