"""Models: one canonical transformer, recipes that say which checkpoint is which, one head per task."""

from bearhug._lib.lazy import attach

NAMES: dict[str, str] = {
    "AutoConfig": "bearhug.models.auto_config",
    "AutoModel": "bearhug.models.auto",
    "AutoModelForCausalLM": "bearhug.models.auto",
    "AutoModelForMaskedLM": "bearhug.models.auto",
    "AutoModelForMultipleChoice": "bearhug.models.auto",
    "AutoModelForNextSentencePrediction": "bearhug.models.auto",
    "AutoModelForPreTraining": "bearhug.models.auto",
    "AutoModelForQuestionAnswering": "bearhug.models.auto",
    "AutoModelForSeq2SeqLM": "bearhug.models.auto",
    "AutoModelForSequenceClassification": "bearhug.models.auto",
    "AutoModelForTextEncoding": "bearhug.models.auto",
    "AutoModelForTokenClassification": "bearhug.models.auto",
    "PreTrainedModel": "bearhug.models.pretrained",
    "PretrainedConfig": "bearhug.models.config",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
