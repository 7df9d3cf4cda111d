"""bearhug: pipelines, tokenizers, models, datasets, training and a hub, in Hugging Face's words and formats.

Importing this module loads nothing heavy: each name below costs what it needs when it is first used.
"""

from typing import Any

from bearhug._lib.lazy import attach

__version__ = "0.1.0"

# public name -> the module that defines it
NAMES = {
    # pipelines
    "pipeline": "bearhug.pipelines",
    "Pipeline": "bearhug.pipelines",
    "FeatureExtractionPipeline": "bearhug.pipelines",
    "FillMaskPipeline": "bearhug.pipelines",
    "KeyDataset": "bearhug.pipelines",
    "SummarizationPipeline": "bearhug.pipelines",
    "Text2TextGenerationPipeline": "bearhug.pipelines",
    "TextClassificationPipeline": "bearhug.pipelines",
    "TextGenerationPipeline": "bearhug.pipelines",
    "TokenClassificationPipeline": "bearhug.pipelines",
    "TranslationPipeline": "bearhug.pipelines",
    # tokenizers
    "AddedToken": "bearhug.tokenizers",
    "AutoTokenizer": "bearhug.tokenizers",
    "BatchEncoding": "bearhug.tokenizers",
    "PreTrainedTokenizerFast": "bearhug.tokenizers",
    "PreTrainedTokenizer": "bearhug.tokenizers",
    "PreTrainedTokenizerBase": "bearhug.tokenizers",
    "Tokenizer": "bearhug.tokenizers",
    # models
    "AutoConfig": "bearhug.models",
    "AutoModel": "bearhug.models",
    "AutoModelForCausalLM": "bearhug.models",
    "AutoModelForMaskedLM": "bearhug.models",
    "AutoModelForMultipleChoice": "bearhug.models",
    "AutoModelForNextSentencePrediction": "bearhug.models",
    "AutoModelForPreTraining": "bearhug.models",
    "AutoModelForQuestionAnswering": "bearhug.models",
    "AutoModelForSeq2SeqLM": "bearhug.models",
    "AutoModelForSequenceClassification": "bearhug.models",
    "AutoModelForTextEncoding": "bearhug.models",
    "AutoModelForTokenClassification": "bearhug.models",
    "PreTrainedModel": "bearhug.models",
    "PretrainedConfig": "bearhug.models",
    # adapters
    "LoraConfig": "bearhug.adapters",
    "PeftModel": "bearhug.adapters",
    "get_peft_model": "bearhug.adapters",
    # kernels
    "quantize": "bearhug.kernels",
    # generation
    "AsyncTextIteratorStreamer": "bearhug.generation",
    "GenerationConfig": "bearhug.generation",
    "GenerationMixin": "bearhug.generation",
    "LogitsProcessor": "bearhug.generation",
    "LogitsProcessorList": "bearhug.generation",
    "StoppingCriteria": "bearhug.generation",
    "StoppingCriteriaList": "bearhug.generation",
    "TextIteratorStreamer": "bearhug.generation",
    "TextStreamer": "bearhug.generation",
    "BayesianDetectorConfig": "bearhug.generation",
    "BayesianDetectorModel": "bearhug.generation",
    "CompileConfig": "bearhug.generation",
    "DisjunctiveConstraint": "bearhug.generation",
    "PhrasalConstraint": "bearhug.generation",
    "SynthIDTextWatermarkDetector": "bearhug.generation",
    "SynthIDTextWatermarkLogitsProcessor": "bearhug.generation",
    "SynthIDTextWatermarkingConfig": "bearhug.generation",
    "WatermarkDetector": "bearhug.generation",
    "WatermarkingConfig": "bearhug.generation",
    "set_seed": "bearhug.generation",
    # datasets
    "ClassLabel": "bearhug.datasets",
    "Dataset": "bearhug.datasets",
    "DatasetDict": "bearhug.datasets",
    "Features": "bearhug.datasets",
    "IterableDataset": "bearhug.datasets",
    "Value": "bearhug.datasets",
    "split_dataset_by_node": "bearhug.datasets",
    "concatenate_datasets": "bearhug.datasets",
    "interleave_datasets": "bearhug.datasets",
    "load_dataset": "bearhug.datasets",
    "load_from_disk": "bearhug.datasets",
    # training
    "DataCollatorForLanguageModeling": "bearhug.training",
    "DataCollatorForSeq2Seq": "bearhug.training",
    "DataCollatorForTokenClassification": "bearhug.training",
    "DataCollatorWithPadding": "bearhug.training",
    "DefaultDataCollator": "bearhug.training",
    "GreedyLR": "bearhug.training",
    "SchedulerType": "bearhug.training",
    "default_data_collator": "bearhug.training",
    "get_constant_schedule": "bearhug.training",
    "get_constant_schedule_with_warmup": "bearhug.training",
    "get_cosine_schedule_with_warmup": "bearhug.training",
    "get_cosine_with_hard_restarts_schedule_with_warmup": "bearhug.training",
    "get_cosine_with_min_lr_schedule_with_warmup": "bearhug.training",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": "bearhug.training",
    "get_greedy_schedule": "bearhug.training",
    "get_inverse_sqrt_schedule": "bearhug.training",
    "get_linear_schedule_with_warmup": "bearhug.training",
    "get_polynomial_decay_schedule_with_warmup": "bearhug.training",
    "get_reduce_on_plateau_schedule": "bearhug.training",
    "get_scheduler": "bearhug.training",
    "get_wsd_schedule": "bearhug.training",
    # the hub
    "login": "bearhug.hub",
    "logout": "bearhug.hub",
    "whoami": "bearhug.hub",
}


def _reference_name(name: str) -> Any:
    """Thin names of the reference for architectures and options: `GPT2LMHeadModel`, `TopKLogitsWarper`."""
    if name.endswith(("LogitsProcessor", "LogitsWarper", "Criteria", "LogitNormalization", "LengthPenalty")):
        from bearhug.generation.aliases import find
    else:
        from bearhug.models.aliases import find
    return find(name)


__getattr__, __dir__ = attach(__name__, NAMES, otherwise=_reference_name)
__all__ = ["__version__", *NAMES]  # pyright: ignore[reportUnsupportedDunderAll]
