"""hub/server."""
