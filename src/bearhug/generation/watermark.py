"""Watermarks: a preference among the next tokens that only who knows the key can find again in the text.

B rows, V vocabulary, T columns, D depth (keys of SynthID), n its n-grams' length. The numbers are the reference's, so
that text marked by one is found by the other. Nothing is kept from step to step: what a step adds depends on the ids
alone, so beams, drafts and rows of a batch get what a single text gets.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.errors import unexpected_keyword

TABLE = 1_000_003  # the size of the permutation that hashes ids
TRIED = 40  # of the likeliest tokens, how many may be green where a token decides about itself
MULTIPLIER, INCREMENT = 6364136223846793005, 1  # of the linear congruential generator that hashes n-grams


class _Config:
    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], **kwargs: Any) -> Any:
        """The settings of a dict; keywords go before it."""
        values = {**config_dict, **kwargs}
        for name in values:
            if name not in cls.__annotations__:
                raise unexpected_keyword(f"{cls.__name__}()", name, tuple(cls.__annotations__))
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """The settings as a dict."""
        return asdict(self)  # type: ignore[call-overload]

    def validate(self) -> None:
        """Check the values again, after a change."""
        self.__post_init__()

    def __post_init__(self) -> None:
        raise TypeError("a watermark is a WatermarkingConfig or a SynthIDTextWatermarkingConfig.")

    def update(self, **kwargs: Any) -> None:
        """Set several at once."""
        for name, value in kwargs.items():
            if name in type(self).__annotations__:
                setattr(self, name, value)


@dataclass
class WatermarkingConfig(_Config):
    """A green list of tokens, chosen by the text before, gets a bias (Kirchenbauer et al. 2023, arXiv:2306.04634).

    Args:
        greenlist_ratio: the share of the vocabulary that is green.
        bias: what is added to their scores.
        hashing_key: the secret.
        seeding_scheme: "lefthash": the token before decides; "selfhash": the token itself too, which is slower.
        context_width: how many tokens before decide, with "selfhash".

    Raises:
        ValueError: another scheme, a share outside of 0 to 1, or no context.
    """

    greenlist_ratio: float = 0.25
    bias: float = 2.0
    hashing_key: int = 15485863
    seeding_scheme: str = "lefthash"
    context_width: int = 1

    def __post_init__(self) -> None:
        if self.seeding_scheme not in ("lefthash", "selfhash"):
            raise ValueError(f"seeding_scheme={self.seeding_scheme!r} was given; it is 'lefthash' or 'selfhash'.")
        if not 0 < self.greenlist_ratio < 1:
            raise ValueError(f"greenlist_ratio={self.greenlist_ratio} was given; it is a number between 0 and 1.")
        if self.context_width < 1:
            raise ValueError(f"context_width={self.context_width} was given; it is a whole number of at least 1.")

    def processor(self, vocab_size: int, device: Any, prompt: int = 0) -> Any:
        """The function that generate applies: (input_ids (B, T), scores (B, V)) -> scores."""
        return partial(greenlist, seeds=Seeds(self, vocab_size, device))

    def construct_processor(self, vocab_size: int, device: Any = "cpu") -> Any:
        """The same, in the reference's word."""
        return self.processor(vocab_size, device)


@dataclass
class SynthIDTextWatermarkingConfig(_Config):
    """A tournament between tokens, with the text before as the dice (Dathathri et al. 2024, Nature 634, 818).

    Args:
        ngram_len: the token and how many before it decide.
        keys: the secrets, one for each layer of the tournament.
        context_history_size: a context that was among so many last ones is not marked again.
        sampling_table_seed, sampling_table_size: of the table that turns hashes into bits.
        skip_first_ngram_calls: whether the first ngram_len - 1 tokens stay unmarked.
        debug_mode: forget the model's scores, to see the mark alone.

    Raises:
        ValueError: no keys, n-grams below 2, or a table above 2**24.
    """

    ngram_len: int
    keys: list[int]
    context_history_size: int = 1024
    sampling_table_seed: int = 0
    sampling_table_size: int = 2**16
    skip_first_ngram_calls: bool = False
    debug_mode: bool = False

    def __post_init__(self) -> None:
        if self.sampling_table_size > 2**24:
            raise ValueError(f"sampling_table_size={self.sampling_table_size} was given; it is at most 2**24.")
        if self.ngram_len < 2 or not self.keys:
            raise ValueError(
                f"ngram_len={self.ngram_len} and keys={self.keys!r} were given; n-grams have at least 2 tokens, and "
                f"there is at least one key."
            )

    def processor(self, vocab_size: int, device: Any, prompt: int = 0) -> Any:
        """The function that generate applies; `prompt` columns stand before the first new token."""
        return partial(tournament, bits=Bits(self, device), prompt=prompt)

    def construct_processor(self, vocab_size: int, device: Any = "cpu") -> Any:
        """The same, in the reference's word."""
        return self.processor(vocab_size, device)


# green lists


class Seeds:
    """Which tokens are green after some ids. Made once: its table is a permutation of a million numbers."""

    def __init__(self, config: WatermarkingConfig, vocab_size: int, device: Any):
        self.config, self.vocab_size = config, vocab_size
        self.green = int(vocab_size * config.greenlist_ratio)
        self.random = torch.Generator(device=device)
        self.random.manual_seed(config.hashing_key)
        self.table = torch.randperm(TABLE, generator=self.random, device=device)

    def after(self, ids: Tensor) -> Tensor:
        """The green tokens (G,) after ids (T,); with "selfhash" the last of them is the token in question."""
        key, ids = self.config.hashing_key, ids[-self.config.context_width :]
        if self.config.seeding_scheme == "selfhash":
            hashed = self.table[ids % TABLE] + 1
            seed = int((key * hashed * (self.table[ids[-1] % TABLE] + 1)).min())
        else:
            seed = key * int(ids[-1])
        self.random.manual_seed(seed % (2**64 - 1))
        return torch.randperm(self.vocab_size, generator=self.random, device=ids.device)[: self.green]

    def of(self, ids: Tensor, scores: Tensor) -> Tensor:
        """The green tokens among the scores (V,) that follow ids (T,)."""
        if self.config.seeding_scheme == "lefthash":
            return self.after(ids)
        likeliest = scores.argsort(descending=True)[:TRIED]
        green = [token for token in likeliest if (self.after(torch.cat((ids, token[None]))) == token).any()]
        return torch.stack(green) if green else likeliest[:0]


def greenlist(input_ids: Tensor, scores: Tensor, *, seeds: Seeds) -> Tensor:
    """Add a bias to the tokens that are green after each row."""
    if input_ids.shape[1] < seeds.config.context_width:
        return scores
    marked = scores.clone()
    for row, ids in enumerate(input_ids):
        marked[row, seeds.of(ids, scores[row])] += seeds.config.bias
    return marked


@dataclass
class WatermarkDetectorOutput:
    """What a `WatermarkDetector` found, numpy arrays of one number a row (B,)."""

    num_tokens_scored: Any = None
    num_green_tokens: Any = None
    green_fraction: Any = None
    z_score: Any = None
    p_value: Any = None
    prediction: Any = None
    confidence: Any = None


class WatermarkDetector:
    """Counts the green tokens of texts made with a `WatermarkingConfig`.

    Args:
        model_config: of the model that wrote, for its vocabulary's size and the token that texts start with.
        device: where the text was made: the lists of a GPU are others.
        watermarking_config: the one that was used, or a dict of it.
        ignore_repeated_ngrams: whether to count each n-gram once.
    """

    def __init__(
        self,
        model_config: Any,
        device: Any,
        watermarking_config: Any,
        ignore_repeated_ngrams: bool = False,
        max_cache_size: int = 128,
    ):
        if isinstance(watermarking_config, Mapping):
            watermarking_config = WatermarkingConfig.from_dict(watermarking_config)
        is_encoder_decoder = getattr(model_config, "is_encoder_decoder", False)
        self.first = getattr(model_config, "decoder_start_token_id" if is_encoder_decoder else "bos_token_id", None)
        self.seeds = Seeds(watermarking_config, model_config.vocab_size, device)
        self.ignore_repeated_ngrams = ignore_repeated_ngrams

    def __call__(self, input_ids: Tensor, z_threshold: float = 3.0, return_dict: bool = False) -> Any:
        """Whether each row of ids (B, T) is marked; best without the prompt.

        Args:
            z_threshold: by how many standard deviations more tokens than expected have to be green.
            return_dict: return a `WatermarkDetectorOutput` with the counts.

        Raises:
            ValueError: only some rows start with the first token, or there is no token to count.
        """
        import numpy as np

        starts = input_ids[:, 0] == (-1 if self.first is None else self.first)
        if bool(starts.any()) != bool(starts.all()):
            raise ValueError("some rows start with the bos token and some do not: leave it out, or keep it, in all.")
        if bool(starts.all()):
            input_ids = input_ids[:, 1:]
        width = self.seeds.config.context_width
        if input_ids.shape[1] - width < 1:
            raise ValueError(f"the text has {input_ids.shape[1]} tokens, but {width + 1} are the least to count one.")
        counts = np.array([self._counted(row) for row in input_ids])
        scored, green = counts[:, 0], counts[:, 1]
        share = self.seeds.config.greenlist_ratio
        z = (green - share * scored) / np.sqrt(scored * share * (1 - share))
        prediction = z > z_threshold
        if not return_dict:
            return prediction
        p = 0.5 * torch.special.erfc(torch.as_tensor(z / np.sqrt(2))).numpy()
        return WatermarkDetectorOutput(scored, green, green / scored, z, p, prediction, 1 - p)

    def _counted(self, ids: Tensor) -> tuple[float, float]:
        """Tokens and green tokens of one row."""
        itself = self.seeds.config.seeding_scheme == "selfhash"
        windows = ids.unfold(0, self.seeds.config.context_width + 1 - itself, 1).tolist()
        times = Counter(map(tuple, windows))
        green = {gram: self._is_green(ids.new_tensor(gram if itself else gram[:-1]), gram[-1]) for gram in times}
        if self.ignore_repeated_ngrams:
            return float(len(times)), float(sum(green.values()))
        return float(sum(times.values())), float(sum(count * green[gram] for gram, count in times.items()))

    def _is_green(self, before: Tensor, token: int) -> bool:
        return bool((self.seeds.after(before) == token).any())


# SynthID


class Bits:
    """The bits (g values) that decide a tournament, for any n-grams."""

    def __init__(self, config: SynthIDTextWatermarkingConfig, device: Any):
        self.config = config
        self.keys = torch.tensor(config.keys, device=device)
        random = torch.Generator(device=device).manual_seed(config.sampling_table_seed)
        self.table = torch.randint(0, 2, (config.sampling_table_size,), generator=random, device=device)

    def hashed(self, grams: Tensor) -> Tensor:
        """(..., n) ids -> (...) hashes."""
        return _hash(torch.ones(grams.shape[:-1], dtype=torch.long, device=grams.device), grams)

    def drawn(self, hashes: Tensor) -> Tensor:
        """Hashes of n-grams (...) -> a bit for each key (..., D)."""
        keyed = _hash(hashes[..., None].expand(*hashes.shape, len(self.keys)), self.keys[:, None])
        return self.table[keyed % len(self.table)]

    def repeated(self, contexts: Tensor) -> Tensor:
        """(B, N, n - 1) contexts -> (B, N) True where one was among the last ones before it."""
        hashes, most = self.hashed(contexts), self.config.context_history_size
        same = (hashes[:, :, None] == hashes[:, None, :]).tril(-1).triu(-most).any(-1)
        steps = torch.arange(hashes.shape[1], device=hashes.device)
        return same | ((hashes == 0) & (steps < most))  # an unfilled place of the history holds 0


def _hash(start: Tensor, data: Tensor) -> Tensor:
    """A linear congruential generator fed with data (..., n), from start (...): int64 that wraps around."""
    for column in data.unbind(-1):
        start = (start + column) * MULTIPLIER + INCREMENT
    return start


def tournament(input_ids: Tensor, scores: Tensor, *, bits: Bits, prompt: int = 0) -> Tensor:
    """Raise the tokens that win, depth by depth, where the context is a new one."""
    config, vocabulary = bits.config, torch.arange(scores.shape[1], device=scores.device)
    if config.debug_mode:
        scores = torch.ones_like(scores)
    new = input_ids[:, prompt:]
    if config.skip_first_ngram_calls and new.shape[1] + 1 < config.ngram_len:
        return scores
    blank = new.new_zeros((len(new), config.ngram_len - 1))
    contexts = torch.cat((blank, new), 1).unfold(1, config.ngram_len - 1, 1)  # (B, steps, n - 1), the last is now's
    if config.skip_first_ngram_calls:
        contexts = contexts[:, config.ngram_len - 1 :]
    before = bits.hashed(contexts[:, -1])[:, None].expand(-1, len(vocabulary))
    wins = bits.drawn(_hash(before, vocabulary[:, None]))  # (B, V, D)
    chance = scores.softmax(-1)
    for depth in wins.unbind(-1):
        chance = chance * (1 + depth - (depth * chance).sum(-1, keepdim=True))
    marked = chance.log()
    marked = torch.where(marked.isfinite(), marked, torch.finfo(marked.dtype).min)
    return torch.where(bits.repeated(contexts)[:, -1:], scores, marked)


class SynthIDTextWatermarkLogitsProcessor:
    """SynthID as the reference's detectors and training scripts use it: bits, and masks of what counts.

    Args: as in `SynthIDTextWatermarkingConfig`, and the device. Called, it takes every column of input_ids behind those
    of its first call for text that was made under it.
    """

    def __init__(
        self,
        ngram_len: int,
        keys: list[int],
        sampling_table_size: int,
        sampling_table_seed: int,
        context_history_size: int,
        device: Any,
        skip_first_ngram_calls: bool = False,
        debug_mode: bool = False,
    ):
        config = SynthIDTextWatermarkingConfig(
            ngram_len,
            keys,
            context_history_size,
            sampling_table_seed,
            sampling_table_size,
            skip_first_ngram_calls,
            debug_mode,
        )
        self.bits, self.ngram_len, self.prompt = Bits(config, device), ngram_len, -1
        self.keys = self.bits.keys

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (B, T), scores (B, V) -> scores (B, V)."""
        if self.prompt < 0:
            self.prompt = input_ids.shape[1]
        return tournament(input_ids, scores, bits=self.bits, prompt=self.prompt)

    def compute_g_values(self, input_ids: Tensor) -> Tensor:
        """Ids (B, T) -> the bits of each n-gram (B, T - n + 1, D)."""
        return self.bits.drawn(self.bits.hashed(input_ids.unfold(1, self.ngram_len, 1)))

    def compute_context_repetition_mask(self, input_ids: Tensor) -> Tensor:
        """Ids (B, T) -> (B, T - n + 1) True where a context had not been there before."""
        return ~self.bits.repeated(input_ids[:, :-1].unfold(1, self.ngram_len - 1, 1))

    def compute_eos_token_mask(self, input_ids: Tensor, eos_token_id: int) -> Tensor:
        """Ids (B, T) -> (B, T) 1 before the first end token, 0 from there on."""
        return ((input_ids == eos_token_id).cumsum(1) == 0).long()

    def expected_mean_g_value(self, vocab_size: int, coinflip_prob: float = 0.5) -> float:
        """The mean of the bits of marked text under a model to which all tokens are alike."""
        return coinflip_prob + coinflip_prob * (1 - coinflip_prob) * (1 - 1 / vocab_size)
