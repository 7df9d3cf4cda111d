"""The hub: `client` turns a name into local files and pushes; `server` is the hub itself."""

from bearhug._lib.lazy import attach

NAMES = {
    "login": "bearhug.hub.account",
    "logout": "bearhug.hub.account",
    "whoami": "bearhug.hub.account",
    "open_repo": "bearhug.hub.client",
    "push_folder": "bearhug.hub.client",
    "snapshot_download": "bearhug.hub.client",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
