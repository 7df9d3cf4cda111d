"""feature-extraction: a text -> a vector for each token, the model's last hidden state."""

from collections.abc import Iterable
from typing import Any

from bearhug.pipelines.explain import arguments, loading, to_device
from bearhug.pipelines.steps import Pipeline
from bearhug.pipelines.tokens import encode, tokenizer_options


class FeatureExtractionPipeline(Pipeline):
    """A text -> [[a vector for each token]]; no head is used.

    Keywords: `return_tensors=True` for a tensor (1, T, D); `tokenize_kwargs`, or the tokenizer's keywords as they are.

    Example:
        >>> from bearhug import pipeline
        >>> pipe = pipeline("feature-extraction", model="bearhug/sentiment-en")
        >>> pipe("A bear hug.", return_tensors=True).shape[:2]
        torch.Size([1, 6])
    """

    model_class = "AutoModel"
    packs = True
    example = "A bear hug is a warm one."

    def passes_on(self) -> dict[str, Iterable[str]]:
        """The tokenizer's keywords."""
        return {"preprocess": [name for name in tokenizer_options(self.tokenizer) if name != "return_tensors"]}

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        twice = sorted(options.keys() & (options.get("tokenize_kwargs") or {}).keys())
        if twice:
            raise ValueError(f"{twice[0]} is given twice, as a keyword and in tokenize_kwargs; leave one of them out.")
        return super()._sanitize_parameters(**options)

    def preprocess(
        self, inputs: str, *, tokenize_kwargs: dict[str, Any] | None = None, **tokenizer_options: Any
    ) -> dict[str, Any]:
        """A text -> tensors (1, T)."""
        return encode(self, inputs, **tokenizer_options, **(tokenize_kwargs or {}))

    def _forward(self, model_inputs: Any) -> Any:
        base = getattr(self.model, "base_model", self.model)
        return {"features": base(**model_inputs)[0], "attention_mask": model_inputs.get("attention_mask")}

    def postprocess(self, model_outputs: Any, *, return_tensors: bool = False) -> Any:
        """The vectors of one text, without those of padding."""
        features, mask = model_outputs["features"], model_outputs["attention_mask"]  # (1, T, D), (1, T)
        if mask is not None:
            features = features[:, mask[0].bool()]
        return features if return_tensors else features.tolist()

    def record(self, answer: Any) -> dict[str, Any]:
        """{"features": a vector for each token}."""
        return {"features": answer[0]}

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for."""
        chosen = self._merged(options)
        before = dict(chosen["preprocess"])
        before |= before.pop("tokenize_kwargs", None) or {}
        result = "features" if chosen["postprocess"].get("return_tensors") else "features.tolist()"
        return f"""{loading(self)}
encoded = tokenizer({arguments(inputs, return_tensors="pt", **before)}){to_device(self)}  # ids (1, T)
with torch.no_grad():
    features = model(**encoded).last_hidden_state  # (1, T, D)
result = {result}
print(features.shape)
"""
