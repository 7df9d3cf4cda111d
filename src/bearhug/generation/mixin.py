"""What makes a model one that generates: the two methods, by the reference's name of their class."""

from typing import Any

from torch import Tensor


class GenerationMixin:
    """A model that has a `forward`, a `config` and `new_cache` continues texts with these."""

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
