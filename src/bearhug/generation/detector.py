"""The trained detector of SynthID's watermark (Dathathri et al. 2024, Nature 634, "BayesianScore").

B texts, N tokens of each that count, D depths of the tournament.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.outputs import ModelOutput
from bearhug.checkpoints.config import StoredConfig, read_json
from bearhug.checkpoints.folder import read_weights, write_weights
from bearhug.checkpoints.safetensors import Stored
from bearhug.generation.watermark import SynthIDTextWatermarkLogitsProcessor
from bearhug.hub.client import open_repo, push_folder


class BayesianDetectorConfig(StoredConfig):
    """How many depths the tournament has, and how likely a marked text is before it is read (base_rate).

    `model_name` and `watermarking_config` say what the detector was trained for.
    """

    defaults = {"watermarking_depth": None, "base_rate": 0.5, "model_name": None, "watermarking_config": None}  # noqa: RUF012

    def set_detector_information(self, model_name: str, watermarking_config: dict[str, Any]) -> None:
        """Keep the name of the model whose texts it was trained on, and their mark."""
        self.model_name, self.watermarking_config = model_name, watermarking_config


class BayesianWatermarkDetectorModelOutput(ModelOutput):
    """loss, with labels; posterior_probabilities (B,) that a text is marked."""

    loss: Tensor | None
    posterior_probabilities: Tensor | None


class Likelihood(nn.Module):
    """How likely bits are in a marked text: by whether a depth's match was between two different tokens."""

    def __init__(self, depth: int):
        super().__init__()
        self.beta = nn.Parameter(-2.5 + 0.001 * torch.randn(1, 1, depth))
        self.delta = nn.Parameter(0.001 * torch.randn(1, 1, depth, depth))

    def forward(self, g_values: Tensor) -> Tensor:
        """Bits (B, N, D) -> (B, N, D): a match of two depends on the bits of the depths before."""
        two = (g_values.to(self.delta.dtype) @ self.delta[0, 0].tril(-1).T + self.beta).sigmoid()
        return 0.5 * ((g_values + 0.5) * two + 1 - two)


class BayesianDetectorModel(nn.Module):
    """Tells marked texts by their bits: bits (B, N, D) and what of them counts -> the probability of each text.

    Train it as any module: `model(g_values, mask, labels=, return_dict=True).loss.backward()`.
    """

    def __init__(self, config: BayesianDetectorConfig):
        super().__init__()
        if not config.watermarking_depth:
            raise ValueError("BayesianDetectorConfig has no watermarking_depth: pass the number of the mark's keys.")
        self.config = config
        self.likelihood_model_watermarked = Likelihood(config.watermarking_depth)
        self.prior = nn.Parameter(torch.tensor([float(config.base_rate)]))

    def forward(
        self,
        g_values: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        loss_batch_weight: float = 1,
        return_dict: bool = False,
    ) -> Any:
        """The probability that each text is marked.

        Args:
            g_values: bits (B, N, D).
            mask: (B, N) 1 where a token counts.
            labels: (B,) 1.0 for marked texts; with them there is a loss.
            loss_batch_weight: of the penalty on large weights.
            return_dict: give a `BayesianWatermarkDetectorModelOutput`, not a tuple of the probabilities and the loss.
        """
        prior = self.prior.clamp(1e-5, 1 - 1e-5)
        odds = self.likelihood_model_watermarked(g_values).clamp(min=1e-30).log() - torch.tensor(0.5).log()
        found = (prior.logit() + (odds * mask[..., None]).sum((1, 2))).sigmoid()
        loss = None
        if labels is not None:
            size = (self.likelihood_model_watermarked.delta**2).sum()
            loss = F.binary_cross_entropy(found.clamp(1e-5, 1 - 1e-5), labels) + size * loss_batch_weight
        if return_dict:
            return BayesianWatermarkDetectorModelOutput(loss=loss, posterior_probabilities=found)
        return (found,) if loss is None else (found, loss)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any) -> BayesianDetectorModel:
        """A detector of a folder or the hub; options as in `bearhug.hub.client.open_repo`.

        Raises:
            OSError: there is none, or no config.json in it.
            ValueError: the file's weights are not a detector's.
        """
        repo = open_repo(pretrained_model_name_or_path, **options)
        path = repo.path("config.json")
        if path is None:
            raise OSError(f"{str(pretrained_model_name_or_path)!r} has no config.json: it is no detector.")
        model = cls(BayesianDetectorConfig.from_dict(read_json(path)))  # type: ignore[arg-type]
        weights = dict(read_weights(repo))
        own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        if own != {name: tuple(value.shape) for name, value in weights.items()}:
            raise ValueError(f"the weights are {sorted(weights)}, but a detector of this config has {own}.")
        model.load_state_dict(weights)
        return model.eval()

    def save_pretrained(self, save_directory: str | os.PathLike, push_to_hub: bool = False, **push: Any) -> None:
        """Write config.json and model.safetensors into a folder; `push_to_hub=True` pushes it."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.config.architectures = [type(self).__name__]
        self.config.save_pretrained(folder)
        state = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        made = {name: Stored(one.dtype, tuple(one.shape), lambda one=one: one) for name, one in state.items()}
        write_weights(folder, made, "5GB")
        if push_to_hub:
            push_folder(folder, push.pop("repo_id", folder.name), **push)


class SynthIDTextWatermarkDetector:
    """Ids of texts (B, T) -> the probability that each is marked, by a trained `BayesianDetectorModel`.

    Args:
        detector_module: the trained detector.
        logits_processor: the mark.
        tokenizer: whose end token ends a text.
    """

    def __init__(
        self,
        detector_module: BayesianDetectorModel,
        logits_processor: SynthIDTextWatermarkLogitsProcessor,
        tokenizer: Any,
    ):
        self.detector_module, self.logits_processor, self.tokenizer = detector_module, logits_processor, tokenizer

    def __call__(self, tokenized_outputs: Tensor) -> Any:
        """Ids (B, T), of at least the mark's n-gram."""
        mark = self.logits_processor
        ends = mark.compute_eos_token_mask(input_ids=tokenized_outputs, eos_token_id=self.tokenizer.eos_token_id)
        counts = mark.compute_context_repetition_mask(input_ids=tokenized_outputs) * ends[:, mark.ngram_len - 1 :]
        return self.detector_module(mark.compute_g_values(input_ids=tokenized_outputs), counts)
