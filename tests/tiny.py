"""Random tiny checkpoints of the reference, made on the spot: one or two configs for every recipe, every head of each.

theirs = tiny.reference_model("gpt2", "causal-lm", tmp_path)   # saved in tmp_path, loaded, in evaluation mode
batch = tiny.batch(lengths=[7, 3])
"""

from pathlib import Path
from typing import Any

import torch

from bearhug.models import recipes
from tiny_configs import CONFIGS
from tiny_configs.sizes import VOCABULARY

TASKS = {  # our task: the reference's Auto class
    "base": "AutoModel",
    "causal-lm": "AutoModelForCausalLM",
    "seq2seq-lm": "AutoModelForSeq2SeqLM",
    "text-encoding": "AutoModelForTextEncoding",
    "masked-lm": "AutoModelForMaskedLM",
    "sequence-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
    "next-sentence": "AutoModelForNextSentencePrediction",
    "pretraining": "AutoModelForPreTraining",
    "sentence-order": "AutoModelForPreTraining",
    "replaced-tokens": "AutoModelForPreTraining",
}
ROPES: dict[str, dict[str, Any]] = {  # every scaling of rotary positions, for a model trained on 32 positions
    "linear": {"rope_type": "linear", "factor": 3.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
    "yarn-options": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16.0,
                     "beta_slow": 2.0, "mscale": 0.7, "mscale_all_dim": 0.4, "truncate": False},
    "longrope": {"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [2.0, 3.0, 4.0, 5.0],
                 "original_max_position_embeddings": 12},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 16},
}  # fmt: skip
RECIPES = list(CONFIGS)
SEQ2SEQ = [name for name in RECIPES if "seq2seq-lm" in recipes.find(CONFIGS[name][0]).heads]
CAUSAL = [
    name
    for name in RECIPES
    if "causal-lm" in recipes.find(CONFIGS[name][0]).heads
    and ("masked-lm" not in recipes.find(CONFIGS[name][0]).heads or name in SEQ2SEQ)
]


def tasks(recipe: str) -> list[str]:
    """The heads that a recipe's architecture has, as the reference loads them without further words."""
    heads = recipes.find(CONFIGS[recipe][0]).heads
    return [task for task in TASKS if task == "base" or (task in heads and (task != "causal-lm" or recipe in CAUSAL))]


PAIRS = [(recipe, task) for recipe in RECIPES for task in tasks(recipe)]  # every recipe with every head


def writes(recipe: str, task: str) -> bool:
    """Whether an encoder and a decoder work together in this task."""
    head = recipes.find(CONFIGS[recipe][0]).heads.get(task)
    return recipe in SEQ2SEQ and not (head and head.part)


def for_decoder(recipe: str, task: str, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch with what the decoder of an encoder-decoder needs: ids, or for classification end tokens."""
    if not writes(recipe, task):
        return batch
    if task in ("base", "seq2seq-lm", "masked-lm"):
        return {**batch, "decoder_input_ids": ids(len(batch["input_ids"]), 6, seed=40)}
    if task == "sequence-classification":
        mask, ends = batch["attention_mask"], batch["input_ids"].clone()
        last = (mask * torch.arange(1, mask.shape[1] + 1)).argmax(-1, keepdim=True)
        return {**batch, "input_ids": ends.scatter(1, last, CONFIGS[recipe][1]["eos_token_id"])}
    return batch


def reference_config(recipe: str, **values: Any) -> Any:
    """The reference's config of a recipe."""
    import transformers

    model_type, known = CONFIGS[recipe]
    return transformers.AutoConfig.for_model(model_type, **{**known, **values})


def reference_model(recipe: str, task: str, folder: Path | None = None, seed: int = 0, **values: Any) -> Any:
    """A random model of the reference, saved in `folder` where one is given; biases and norms are random too."""
    import transformers

    torch.manual_seed(seed)
    model = getattr(transformers, TASKS[task]).from_config(reference_config(recipe, **values)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    if folder is not None:
        model.save_pretrained(folder)
    return model


def ids(rows: int = 2, tokens: int = 7, seed: int = 1) -> torch.Tensor:
    """Random ids (rows, tokens) that are no special tokens."""
    return torch.randint(5, VOCABULARY - 5, (rows, tokens), generator=torch.Generator().manual_seed(seed))


def batch(lengths: list[int], side: str = "right", pad: int = 0, seed: int = 1) -> dict[str, torch.Tensor]:
    """Random ids of these lengths, padded on one side, with their attention mask."""
    longest = max(lengths)
    rows, mask = torch.full((len(lengths), longest), pad), torch.zeros(len(lengths), longest, dtype=torch.long)
    for row, length in enumerate(lengths):
        place = slice(0, length) if side == "right" else slice(longest - length, longest)
        rows[row, place] = ids(1, length, seed + row)[0]
        mask[row, place] = 1
    return {"input_ids": rows, "attention_mask": mask}
