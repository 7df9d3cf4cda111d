"""fill-mask: a text with a mask token -> the words that could stand there."""

import logging
from collections.abc import Sequence
from typing import Any

import torch

from bearhug.pipelines.explain import arguments, loading, to_device
from bearhug.pipelines.steps import Pipeline, PipelineException
from bearhug.pipelines.tokens import decode, encode

log = logging.getLogger("bearhug")


class FillMaskPipeline(Pipeline):
    """A text with one mask -> [{"score", "token", "token_str", "sequence"}], best first; with several, a list for each.

    The scores of several masks are those of each place by itself, with the other masks left as they are. Keywords:
    `top_k` words (5); `targets`: only these words are compared; `tokenizer_kwargs`, such as {"truncation": True}.
    """

    head = "masked-lm"
    packs = True
    model_class = "AutoModelForMaskedLM"

    example = "A bear hug is very [MASK]."

    def explain(self, inputs: Any = None, **options: Any) -> None:
        """Print the plain code that a call stands for; without an input, for an example with this tokenizer's mask."""
        super().explain(inputs or self.example.replace("[MASK]", self.tokenizer.mask_token), **options)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """As the reference: a list of one text has the answer of that text, a longer one a list of answers."""
        given = self._given(inputs, options)
        answers = super().__call__(given, **options)
        return answers[0] if isinstance(answers, list) and isinstance(given, list) and len(given) == 1 else answers

    def _each(self, answers: list[Any], rows: Any) -> list[Any]:
        return [answers] if len(rows) == 1 else answers

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if self.tokenizer.mask_token_id is None:
            raise PipelineException(
                "fill-mask",
                type(self.model).__name__,
                "fill-mask looks for the tokenizer's mask token, and this tokenizer has none.\n"
                'Take a model that was trained with masks, such as a BERT, or go on with a text: "text-generation".',
            )
        if options.get("targets") is not None:
            options["targets"] = self.get_target_ids(options["targets"])
        if options.get("top_k", 1) is None:
            del options["top_k"]
        return super()._sanitize_parameters(**options)

    def preprocess(
        self, inputs: Any, *, tokenizer_kwargs: dict[str, Any] | None = None, return_tensors: str = "pt"
    ) -> dict[str, Any]:
        """A text -> tensors (1, T).

        Raises:
            PipelineException: there is no mask in it.
        """
        encoded = encode(self, inputs, return_tensors=return_tensors or "pt", **(tokenizer_kwargs or {}))
        if not (encoded["input_ids"] == self.tokenizer.mask_token_id).any():
            mask = self.tokenizer.mask_token
            raise PipelineException(
                "fill-mask",
                type(self.model).__name__,
                f"the text {inputs!r:.60} has no {mask} in it{', or it was cut off' if tokenizer_kwargs else ''}.\n"
                f"Write {mask} (tokenizer.mask_token) where the word is wanted.",
            )
        return encoded

    def _forward(self, model_inputs: Any) -> Any:
        logits = self.model(**model_inputs)["logits"]  # (B, T, V)
        return {
            "logits": logits,
            "input_ids": model_inputs["input_ids"],
            "attention_mask": model_inputs.get("attention_mask"),
        }

    def postprocess(self, model_outputs: Any, *, top_k: int = 5, targets: Any = None) -> Any:
        """The results of one text -> the words for its mask, or a list of them for each of its masks."""
        ids, mask = model_outputs["input_ids"][0], model_outputs["attention_mask"]  # (T,)
        logits = model_outputs["logits"][0]
        if mask is not None:
            ids, logits = ids[mask[0].bool()], logits[mask[0].bool()]
        places = (ids == self.tokenizer.mask_token_id).nonzero().flatten()
        chances = logits[places].softmax(-1)  # (masks, V)
        if targets is not None:  # their ids, by now
            chances = chances[:, targets]
        answers = []
        for place, scores in zip(places.tolist(), chances, strict=True):
            best, tokens = scores.topk(min(top_k, len(scores)))
            if targets is not None:
                tokens = targets[tokens]
            answers.append(
                [self._filled(ids, place, *pair, len(places) == 1) for pair in zip(best, tokens, strict=True)]
            )
        return answers[0] if len(places) == 1 else answers

    def _filled(self, ids: torch.Tensor, place: int, score: Any, token: Any, only: bool) -> dict[str, Any]:
        filled = ids.clone()
        filled[place] = token
        return {
            "score": score.item(),
            "token": token.item(),
            "token_str": decode(self.tokenizer, [token.item()]),
            # With other masks left in the text, its special tokens stay to be seen.
            "sequence": decode(self.tokenizer, filled.tolist(), skip_special_tokens=only),
        }

    def get_target_ids(self, targets: str | Sequence[str]) -> torch.Tensor:
        """The ids of the words to compare; a word that is no token stands for its first one, and a line says so.

        Raises:
            ValueError: no word is left.
        """
        vocabulary, found = self.tokenizer.get_vocab(), []
        for target in [targets] if isinstance(targets, str) else targets:
            token = vocabulary.get(target)
            if token is None:
                pieces = self.tokenizer(target, add_special_tokens=False)["input_ids"]
                if not pieces:
                    log.warning("the target %r has no tokens, and is left out.", target)
                    continue
                token = pieces[0]
                piece = self.tokenizer.convert_ids_to_tokens(token)
                log.warning("the target %r is no token of the vocabulary; %r stands for it.", target, piece)
            found.append(token)
        if not found:
            raise ValueError('targets names no word; pass one or several, such as targets=["warm", "cold"].')
        return torch.tensor(sorted(set(found)))

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for."""
        chosen = self._merged(options)
        after, targets = chosen["postprocess"], chosen["postprocess"].get("targets")
        top_k = after.get("top_k", 5) if targets is None else min(after.get("top_k", 5), len(targets))
        limited = (
            "" if targets is None else f"\ntargets = torch.tensor({targets.tolist()})\nchances = chances[:, targets]"
        )
        return f"""{loading(self)}
encoded = tokenizer({arguments(inputs, return_tensors="pt", **(chosen["preprocess"].get("tokenizer_kwargs") or {}))}){
            to_device(self)
        }
ids = encoded["input_ids"][0].tolist()
with torch.no_grad():
    logits = model(**encoded).logits[0]  # (T, vocabulary)
places = [i for i, token in enumerate(ids) if token == tokenizer.mask_token_id]
chances = logits[places].softmax(-1).cpu()  # (masks, vocabulary){limited}
result = []
for place, scores in zip(places, chances):
    words = []
    for score, token in zip(*(values.tolist() for values in scores.topk({top_k}))):
        {"token = targets[token].item()" if targets is not None else "pass"}
        filled = ids[:place] + [token] + ids[place + 1 :]
        sequence = tokenizer.decode(filled, skip_special_tokens=len(places) == 1)
        words.append({{"score": score, "token": token, "token_str": tokenizer.decode([token]), "sequence": sequence}})
    result.append(words)
result = result[0] if len(places) == 1 else result
print(result)
""".replace("        pass\n", "")
