"""text-classification (also sentiment-analysis): a text, or a pair of texts, -> the labels with their scores."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.errors import near
from bearhug.pipelines.explain import arguments, loading, to_device
from bearhug.pipelines.steps import Pipeline
from bearhug.pipelines.tokens import encode, tokenizer_options

FUNCTIONS = {
    "softmax": lambda scores: scores.softmax(-1),
    "sigmoid": torch.sigmoid,
    "none": lambda scores: scores,
}


class TextClassificationPipeline(Pipeline):
    """A text, or {"text", "text_pair"}, -> [{"label", "score"}], best first.

    Keywords: `top_k` labels (None: all); `function_to_apply` to the model's scores: "softmax", "sigmoid" or "none", by
    default what the config's problem_type asks for; and the tokenizer's own, such as `truncation=True`.

    Example:
        >>> from bearhug import pipeline
        >>> pipe = pipeline("text-classification", model="bearhug/sentiment-en")
        >>> pipe("Wow, this notebook is amazing!")[0]["label"]
        'POSITIVE'
    """

    head = "sequence-classification"
    model_class = "AutoModelForSequenceClassification"
    packs = True
    example = "Wow, this notebook is amazing!"

    def passes_on(self) -> dict[str, Iterable[str]]:
        """The tokenizer's keywords."""
        return {"preprocess": tokenizer_options(self.tokenizer)}

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """One text -> a list of labels; several -> a list of those, or of the best label of each without top_k."""
        given = self._given(inputs, options)
        answer = super().__call__(given, **options)
        # As the reference: the answer to one text is a list even when it is the best label alone.
        return [answer] if isinstance(given, str) and "top_k" not in options else answer

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if options.get("top_k") == "":
            del options["top_k"]
        if options.get("function_to_apply") is not None:
            self._function(options["function_to_apply"])  # a typo is said at once
        return super()._sanitize_parameters(**options)

    def preprocess(self, inputs: Any, **tokenizer_options: Any) -> dict[str, Any]:
        """A text, or a dict of the tokenizer's text and text_pair, -> tensors (1, T)."""
        if isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], list) and len(inputs[0]) == 2:
            inputs = {"text": inputs[0][0], "text_pair": inputs[0][1]}
        pair = inputs if isinstance(inputs, Mapping) else {"text": inputs}
        if not isinstance(pair.get("text"), str) or not pair.keys() <= {"text", "text_pair"}:
            raise ValueError(_not_a_text(inputs))
        return encode(self, **pair, **tokenizer_options)

    def _forward(self, model_inputs: Any) -> Any:
        return self.model(**model_inputs)

    def postprocess(
        self,
        model_outputs: Any,
        *,
        function_to_apply: str | None = None,
        top_k: int | str | None = "",
        return_all_scores: bool | None = None,
    ) -> Any:
        """The results of one text -> the best label, or the `top_k` best."""
        function = FUNCTIONS[self._function(function_to_apply)]
        scores: Tensor = function(model_outputs["logits"][0].float())  # (labels,)
        names = self.model.config.id2label
        labels = [{"label": names[i], "score": score} for i, score in enumerate(scores.tolist())]
        if top_k == "":  # nobody asked: the best label alone, or all in the model's order
            return labels if return_all_scores else max(labels, key=lambda label: label["score"])
        labels.sort(key=lambda label: label["score"], reverse=True)
        return labels[: _whole(top_k)]

    def _function(self, given: Any) -> str:
        given = getattr(given, "name", given)  # the reference's enum
        if given is not None and str(given).lower() in FUNCTIONS:
            return str(given).lower()
        if given is not None and str(given).lower() != "default":
            raise ValueError(
                f"function_to_apply is {given!r}; it can be {', '.join(map(repr, FUNCTIONS))}, or None for the model's "
                f"own.{near(str(given), FUNCTIONS)}"
            )
        config = self.model.config
        kind, count = getattr(config, "problem_type", None), len(config.id2label)
        if kind == "regression":
            return "none"
        if kind == "multi_label_classification" or count == 1:
            return "sigmoid"
        return "softmax"

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for."""
        chosen = self._merged(options)
        after, top_k = chosen["postprocess"], chosen["postprocess"].get("top_k", "")
        function = {"softmax": ".softmax(-1)", "sigmoid": ".sigmoid()", "none": ""}[
            self._function(after.get("function_to_apply"))
        ]
        pair = [inputs["text"], inputs["text_pair"]] if isinstance(inputs, Mapping) else [inputs]
        if top_k != "":
            then = 'labels.sort(key=lambda label: label["score"], reverse=True)\n'
            then += f"result = labels[:{_whole(top_k)}]" if top_k is not None else "result = labels"
        elif after.get("return_all_scores"):
            then = "result = labels"
        else:
            then = 'result = max(labels, key=lambda label: label["score"])'
        if isinstance(inputs, str) and "top_k" not in options:
            then += "\nresult = [result]"
        return f"""{loading(self)}
encoded = tokenizer({arguments(*pair, return_tensors="pt", **chosen["preprocess"])}){to_device(self)}  # ids (1, T)
with torch.no_grad():
    logits = model(**encoded).logits[0].float()  # (labels,)
scores = logits{function}.tolist()
labels = [{{"label": model.config.id2label[i], "score": score}} for i, score in enumerate(scores)]
{then}
print(result)
"""


def _whole(top_k: Any) -> int | None:
    if top_k is not None and (not isinstance(top_k, int) or top_k < 0):
        raise ValueError(f"top_k is {top_k!r}; it is how many labels come back, such as 3, or None for all.")
    return top_k


def _not_a_text(inputs: Any) -> str:
    if isinstance(inputs, Mapping) and isinstance(inputs.get("text"), str):
        further = ", ".join(repr(name) for name in inputs if name not in ("text", "text_pair"))
        return (
            f"a row has the columns {further} beside its text; text-classification reads 'text' and 'text_pair'.\n"
            "Give it the texts: pipe(dataset['text']), or pipe(KeyDataset(dataset, 'text'))."
        )
    return (
        f"text-classification reads a text, and got {type(inputs).__name__} {inputs!r:.60}.\n"
        'Several texts: pipe(["one", "two"]); a pair: pipe({"text": "one", "text_pair": "two"}).'
    )
