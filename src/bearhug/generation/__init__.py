"""generation: options, and the loops that turn a model's scores into tokens. Start reading at `loop.py`."""

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
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
