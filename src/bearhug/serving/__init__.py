"""serving: many requests at once on one model. Start reading at `engine.py`; `app.py` answers over HTTP."""

from bearhug._lib.lazy import attach

NAMES = {
    "create_app": "bearhug.serving.app",
    "Engine": "bearhug.serving.engine",
    "PrefixCache": "bearhug.serving.prefix",
    "Request": "bearhug.serving.engine",
}

__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
