"""The name that a table knows behind the one a file has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bearhug.checkpoints.weight_map import Rule

# Constants that checkpoints of any architecture may carry; they are computed here.
CONSTANTS = [re.compile(pattern) for pattern in (r".*position_ids", r".*embeddings\.token_type_ids", r".*inv_freq")]
WRAPPERS = ("module.", "_orig_mod.")  # what DistributedDataParallel and torch.compile put before a name
OLD_ENDINGS = {"gamma": "weight", "beta": "bias"}  # of norms in checkpoints converted from TensorFlow


class Names:
    """Finds the name that the table knows behind the one a file has: wrappers, old endings, another prefix or none."""

    def __init__(self, prefix: str, prefixes: list[str], known: Mapping[str, Rule], dropped: list[re.Pattern[str]]):
        self.prefix, self.prefixes, self.known, self.dropped = f"{prefix}.", prefixes, known, dropped

    def find(self, theirs: str) -> str | None:
        """The known name, or None."""
        return next((name for name in self.candidates(theirs) if name in self.known), None)

    def is_constant(self, theirs: str) -> bool:
        """Whether it names something that is computed, not stored."""
        names = self.candidates(theirs)
        return any(pattern.fullmatch(name) for name in names for pattern in (*CONSTANTS, *self.dropped))

    def candidates(self, theirs: str) -> list[str]:
        """The names to try, in order."""
        name = theirs
        while (wrapper := next((word for word in WRAPPERS if name.startswith(word)), None)) is not None:
            name = name.removeprefix(wrapper)
        stem, _, ending = name.rpartition(".")
        if ending in OLD_ENDINGS and "norm" in stem.lower():
            name = f"{stem}.{OLD_ENDINGS[ending]}"
        bare = [name.removeprefix(prefix) for prefix in self.prefixes if name.startswith(prefix)]
        return [name, *(self.prefix + other for other in bare), *bare, self.prefix + name]
