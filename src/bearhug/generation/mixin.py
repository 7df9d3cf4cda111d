"""What makes a model one that generates: its methods and its options, by the reference's name of their class."""

from typing import Any, ClassVar

from torch import Tensor

from bearhug.checkpoints.config import read_json


class GenerationMixin:
    """A model that has a `forward`, a `config` and `new_cache` continues texts with these."""

    task: ClassVar[str]
    _generation_config: Any = None

    @classmethod
    def can_generate(cls) -> bool:
        """Whether there is a head that predicts the next token."""
        return cls.task in ("causal-lm", "seq2seq-lm")

    @property
    def generation_config(self) -> Any:
        """The options that `generate` starts from: the checkpoint's generation_config.json, or what its config says."""
        if self._generation_config is None:
            from bearhug.generation.config import GenerationConfig

            self._generation_config = GenerationConfig.from_model_config(self.config)  # type: ignore[attr-defined]
        return self._generation_config

    @generation_config.setter
    def generation_config(self, value: Any) -> None:
        self._generation_config = value

    def read_generation_config(self, repo: Any) -> None:
        """Take the options of a repository's generation_config.json, where it has one."""
        from bearhug.generation.config import GenerationConfig

        path = repo.path("generation_config.json")
        self._generation_config = None if path is None else GenerationConfig.from_dict(read_json(path))

    def generate(self, inputs: Tensor | None = None, generation_config: Any = None, **options: Any) -> Any:
        """Continue a text, token by token; see `bearhug.generation.loop.generate` for every option."""
        from bearhug.generation.loop import generate

        return generate(self, inputs, generation_config, **options)

    def compute_transition_scores(
        self,
        sequences: Tensor,
        scores: tuple[Tensor, ...],
        beam_indices: Tensor | None = None,
        normalize_logits: bool = False,
    ) -> Tensor:
        """The score of each token that `generate` chose (B, N); see `bearhug.generation.compute_transition_scores`."""
        from bearhug.generation.outputs import compute_transition_scores

        return compute_transition_scores(sequences, scores, beam_indices, normalize_logits)
