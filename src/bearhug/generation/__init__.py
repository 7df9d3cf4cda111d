"""generation: options, and the loops that turn a model's scores into tokens. Start reading at `loop.py`."""

from typing import Any

from bearhug._lib.lazy import attach

NAMES = {
    "AsyncTextIteratorStreamer": "bearhug.generation.streaming",
    "BaseStreamer": "bearhug.generation.streaming",
    "BayesianDetectorConfig": "bearhug.generation.detector",
    "BayesianDetectorModel": "bearhug.generation.detector",
    "BayesianWatermarkDetectorModelOutput": "bearhug.generation.detector",
    "CompileConfig": "bearhug.generation.config",
    "Constraint": "bearhug.generation.phrases",
    "DisjunctiveConstraint": "bearhug.generation.phrases",
    "GenerateBeamDecoderOnlyOutput": "bearhug.generation.outputs",
    "GenerateBeamEncoderDecoderOutput": "bearhug.generation.outputs",
    "GenerateDecoderOnlyOutput": "bearhug.generation.outputs",
    "GenerateEncoderDecoderOutput": "bearhug.generation.outputs",
    "GenerationConfig": "bearhug.generation.config",
    "GenerationMixin": "bearhug.generation.mixin",
    "Incomplete": "bearhug.generation.constrained",
    "LogitsProcessor": "bearhug.generation.scores",
    "LogitsProcessorList": "bearhug.generation.scores",
    "PhrasalConstraint": "bearhug.generation.phrases",
    "PrefixCache": "bearhug.generation.prefix",
    "StoppingCriteria": "bearhug.generation.stopping",
    "StoppingCriteriaList": "bearhug.generation.stopping",
    "SynthIDTextWatermarkDetector": "bearhug.generation.detector",
    "SynthIDTextWatermarkLogitsProcessor": "bearhug.generation.watermark",
    "SynthIDTextWatermarkingConfig": "bearhug.generation.watermark",
    "TextIteratorStreamer": "bearhug.generation.streaming",
    "TextStreamer": "bearhug.generation.streaming",
    "WatermarkDetector": "bearhug.generation.watermark",
    "WatermarkingConfig": "bearhug.generation.watermark",
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
