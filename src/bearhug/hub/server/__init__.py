"""The hub itself: repositories, large files and accounts behind the protocol that Hugging Face's clients speak."""

from bearhug._lib.lazy import attach

NAMES = {
    "Settings": "bearhug.hub.server.settings",
    "create_app": "bearhug.hub.server.app",
    "local": "bearhug.hub.server.running",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
