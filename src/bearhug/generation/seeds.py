"""Randomness: one seed for everything, or a stream of its own for each row of a batch."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from numbers import Integral

import torch
from torch import Tensor

Seed = int | Sequence[int | tuple[int, int]]


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seed Python's, numpy's and torch's global random numbers.

    Args:
        deterministic: also make torch refuse operations whose result varies from run to run.
    """
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if deterministic:
        torch.use_deterministic_algorithms(True)


class Streams:
    """A random stream for each row, made from (seed, row) alone: a row draws the same numbers in any batch.

    Args:
        seed: one number: row i draws from (seed, i). Or one item a row, a number s for (s, 0) or a pair (s, i), so that
            `seed=[(7, 3)]` gives, alone, what row 3 of a batch gave with `seed=7`.
        rows, each: prompts, and sequences for each of them, which have streams of their own.

    Raises:
        ValueError: a list of another length than `rows`.
        TypeError: an item that is no whole number.
    """

    def __init__(self, seed: Seed, rows: int, each: int = 1):
        if isinstance(seed, Iterable):
            keys: list = [item if isinstance(item, tuple | list) else (item, 0) for item in seed]
        else:
            keys = [(seed, row) for row in range(rows)]
        if len(keys) != rows:
            raise ValueError(f"seed has {len(keys)} items for {rows} rows; give one number, or one for each row.")
        for key in keys:
            if len(key) != 2 or not all(isinstance(part, Integral) for part in key):
                raise TypeError(f"seed={seed!r}: a seed is a whole number, or a pair (seed, row) of them.")
        self.generators = [_generator(int(key[0]), int(key[1]), copy) for key in keys for copy in range(each)]

    def uniform(self, count: int, device: torch.device | str = "cpu") -> Tensor:
        """(rows * each, count) numbers in [0, 1), float64 with 24 random bits, the same whatever the device.

        They stay on the CPU unless the device is a CUDA one: the others cannot be relied on to have float64.
        """
        draws = torch.stack([torch.rand(count, generator=own) for own in self.generators]).double()
        return draws.to(device) if torch.device(device).type == "cuda" else draws

    def choose(self, scores: Tensor, draws: Tensor) -> Tensor:
        """One token a row: scores (B, V), draws (B,) from `uniform` -> (B,). A token of score -inf is never chosen."""
        reached = scores.to(draws.device).double().softmax(-1).cumsum(-1)
        picks = torch.searchsorted(reached, draws[:, None] * reached[:, -1:], right=True)[:, 0]
        return picks.to(scores.device)

    def choose_many(self, scores: Tensor, count: int) -> Tensor:
        """`count` different tokens a row, in the order drawn (Gumbel top-k, Kool et al. 2019, arXiv:1903.06059)."""
        draws = self.uniform(scores.shape[-1], scores.device)
        noise = -(-draws.clamp(min=1e-12).log()).log()
        return (scores.to(draws.device).double() + noise).topk(count, dim=-1).indices.to(scores.device)


def _generator(*key: int) -> torch.Generator:
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
