"""kernels: products of a few rows with a matrix, as decoding asks for them; whole, or in eight or four bits."""

from bearhug._lib.lazy import attach

NAMES: dict[str, str] = {"quantize": "bearhug.kernels.quantized"}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
