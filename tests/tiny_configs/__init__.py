"""One file a recipe file, with tiny configs for its architectures: one or two each, `CONFIGS`.

CONFIGS = {"llama": ("llama", {...}),            # name: (model_type, the config's values)
           "llama-tied": ("llama", {...})}       # the first of a model_type is its plain one
DROPOUT = {"bert": ("hidden_dropout_prob", ...)}  # the config's names of rates, where it has them
"""

from importlib import import_module
from pathlib import Path
from typing import Any

_FILES = [
    import_module(f"tiny_configs.{path.stem}")
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem not in ("__init__", "sizes")
]
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {name: one for file in _FILES for name, one in file.CONFIGS.items()}
DROPOUT: dict[str, tuple[str, ...]] = {
    kind: rates for file in _FILES for kind, rates in getattr(file, "DROPOUT", {}).items()
}
