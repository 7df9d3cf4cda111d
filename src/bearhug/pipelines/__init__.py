"""pipelines."""

from bearhug._lib.lazy import attach

NAMES: dict[str, str] = {}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
