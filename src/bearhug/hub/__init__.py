"""The hub: `client` turns a name into local files and pushes; `server` is the hub itself."""

from bearhug._lib.lazy import attach

NAMES = {
    "login": "bearhug.hub.client",
    "logout": "bearhug.hub.client",
    "whoami": "bearhug.hub.client",
    "open_repo": "bearhug.hub.client",
    "push_folder": "bearhug.hub.client",
    "snapshot_download": "bearhug.hub.client",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
