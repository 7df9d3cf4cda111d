"""generation: options, and the loops that turn a model's scores into tokens. Start reading at `loop.py`."""

from typing import Any

from bearhug._lib.lazy import attach

NAMES = {
    "AsyncTextIteratorStreamer": "bearhug.generation.streaming",
    "BaseStreamer": "bearhug.generation.streaming",
    "GenerateBeamDecoderOnlyOutput": "bearhug.generation.outputs",
    "GenerateDecoderOnlyOutput": "bearhug.generation.outputs",
    "GenerationConfig": "bearhug.generation.config",
    "LogitsProcessor": "bearhug.generation.scores",
    "LogitsProcessorList": "bearhug.generation.scores",
    "StoppingCriteria": "bearhug.generation.stopping",
    "StoppingCriteriaList": "bearhug.generation.stopping",
    "TextIteratorStreamer": "bearhug.generation.streaming",
    "TextStreamer": "bearhug.generation.streaming",
    "compute_transition_scores": "bearhug.generation.outputs",
    "generate": "bearhug.generation.loop",
    "set_seed": "bearhug.generation.seeds",
}


def _reference_name(name: str) -> Any:
    """`TopKLogitsWarper`, `MaxLengthCriteria`, ...: the reference's classes, made of the functions."""
    if not name[0].isupper():  # one of the modules here, which the import system finds by itself
        raise KeyError(name)
    from bearhug.generation.aliases import find

    return find(name)


__getattr__, __dir__ = attach(__name__, NAMES, otherwise=_reference_name)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
