"""adapters: LoRA in PEFT's format. Start reading at `methods.py`, what a model can do with them."""

from bearhug._lib.lazy import attach

NAMES: dict[str, str] = {
    "LoraConfig": "bearhug.adapters.config",
    "PeftModel": "bearhug.adapters.methods",
    "get_peft_model": "bearhug.adapters.methods",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
