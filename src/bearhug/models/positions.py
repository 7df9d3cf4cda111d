"""Where a token stands: learned positions, added to its embedding, and rotary ones, turned into queries and keys.

B rows, T new tokens, S all tokens, D width, H heads, K head size. Each way is a module with three methods: `embed`
changes the embeddings, `rotation` gives what attention does to queries and keys (None: nothing), `bias` what is added
to its scores (None: nothing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part
from bearhug.models.config import Config

Rotate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def counted(real: Tensor, start: int = 0, offset: int = 0) -> Tensor:
    """Positions (B, T) of the tokens from `start`, counted over real ones (B, S), so that padding changes none of them.

    Padding itself stands where the reference puts it: counted on after the text, or before all positions where those
    begin with an offset.
    """
    if start > 0 and real.shape[1] == start + 1:
        return (real.sum(-1, keepdim=True) - 1).clamp_(min=0)
    places = real.cumsum(-1) - 1
    if offset:
        return places.masked_fill(~real, -1)[:, start:]
    first = real.int().argmax(-1, keepdim=True)
    after = torch.arange(real.shape[1], device=real.device) - first
    return torch.where(real, places, after).clamp(min=0)[:, start:]


class Place(NamedTuple):
    """Where the new tokens stand."""

    start: int  # so many tokens are in the cache before them
    length: int  # T
    positions: Tensor | None  # (B, T), where rows differ or they are given; None: counted from `start`
    real: Tensor | None  # (B, S), False for padding; None: all are real
    like: Tensor  # of the dtype and on the device of the results

    def counted(self) -> Tensor:
        """The positions (B or 1, S) of all tokens, counted over the real ones."""
        if self.real is None:
            return torch.arange(self.start + self.length, device=self.like.device)[None]
        return counted(self.real)


class Positions(nn.Module):
    """No positions at all: what a way of telling them leaves as it is."""

    def __init__(self, config: Config):
        super().__init__()

    def embed(self, x: Tensor, start: int, positions: Tensor | None) -> Tensor:
        """X (B, T, D), with what is added to the embeddings."""
        return x

    def rotation(self, place: Place) -> Rotate | None:
        """What turns queries (B, H, T, K) and keys."""
        return None

    def bias(self, place: Place) -> Tensor | dict[str, Tensor] | None:
        """What is added to the scores, (B or 1, H, T, S); a dict where layers differ."""
        return None


class Learned(Positions):
    """One trained vector for each position, added to the embeddings."""

    def __init__(self, config: Config):
        super().__init__(config)
        rows = config.max_position_embeddings + config.position_skip
        self.weight = nn.Parameter(torch.empty(rows, config.embed_size))
        self.offset = config.position_offset + config.position_skip
        self.padding_idx = config.position_offset - 1 if config.position_offset else None

    def embed(self, x: Tensor, start: int, positions: Tensor | None) -> Tensor:
        """X (B, T, D) with the positions' vectors added.

        Raises:
            ValueError: a position lies beyond the table.
        """
        limit = self.weight.shape[0] - self.offset
        if positions is None:
            end = start + x.shape[1]
            if end > limit:
                raise _too_long(end, limit)
            return x + self.weight.narrow(0, start + self.offset, x.shape[1])
        if start + x.shape[1] > limit and int(positions.max()) >= limit:
            raise _too_long(int(positions.max()) + 1, limit)
        try:
            return x + F.embedding(positions + self.offset, self.weight, self.padding_idx)
        except IndexError:
            raise _too_long(int(positions.max()) + 1, limit) from None


class SinusoidalTable(Learned):
    """Sines and cosines in a table that checkpoints hold and nobody trains (Vaswani et al. 2017, section 3.5)."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.weight.requires_grad_(False)

    def constant(self) -> Tensor:
        """What the table holds."""
        rows, width = self.weight.shape
        return waves(rows, width, torch.arange(0, width, 2) / width, self.weight.device)


class Sinusoidal(Positions):
    """Sines and cosines, computed for as many positions as are asked for, as tensor2tensor and fairseq space them."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.offset = config.position_offset
        self.rows, self.width = config.max_position_embeddings + self.offset, config.hidden_size
        self._tables: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def embed(self, x: Tensor, start: int, positions: Tensor | None) -> Tensor:
        """X (B, T, D) with the positions' waves added."""
        end = start + x.shape[1] if positions is None else int(positions.max()) + 1
        key = (x.device, x.dtype)
        table = self._tables.get(key)
        if table is None or table.shape[0] < end + self.offset:
            with torch.inference_mode(False), torch.no_grad():
                half = self.width // 2
                table = waves(max(self.rows, 2 * end), self.width, torch.arange(half) / (half - 1), x.device)
                if self.offset:
                    table[self.offset - 1] = 0.0  # where padding stands
                table = self._tables[key] = table.to(x.dtype)
        if positions is None:
            return x + table.narrow(0, start + self.offset, x.shape[1])
        return x + table[positions + self.offset]


def waves(rows: int, width: int, exponents: Tensor, device: torch.device) -> Tensor:
    """Sines, then cosines, of the positions by 10000 to these exponents (W,): (rows, width), zeros after an odd end."""
    angles = torch.arange(rows, dtype=torch.float64)[:, None] * 10000.0 ** -exponents.double()
    half = angles.shape[1]
    table = torch.zeros(rows, width, dtype=torch.float64)
    table[:, :half], table[:, half : 2 * half] = angles.sin(), angles.cos()[:, : width - half]
    return table.float().to(device)


class Relative(Positions):
    """A trained bias for each head and distance, the far ones in ever wider buckets (T5; Raffel et al. 2019,
    arXiv:1910.10683, section 2.1)."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.weight = nn.Parameter(torch.empty(config.relative_buckets, config.num_attention_heads))
        self.buckets, self.furthest, self.causal = config.relative_buckets, config.relative_distance, config.causal
        self._tables: dict[torch.device, Tensor] = {}

    def bias(self, place: Place) -> Tensor:
        """What is added to the scores, (B or 1, H, T, S)."""
        return F.embedding(self._sorted(place), self.weight).movedim(-1, 1).to(place.like.dtype)

    def _sorted(self, place: Place) -> Tensor:
        """The buckets (B or 1, T, S) of the distances from the new tokens to all."""
        total, device = place.start + place.length, place.like.device
        table = self._tables.get(device)
        if table is None or table.shape[0] < 2 * total:
            with torch.inference_mode(False):
                far = max(2 * total, 256)
                table = self._tables[device] = self._bucket(torch.arange(-far, far)).to(device)
        middle = table.shape[0] // 2
        if place.length == 1 and place.real is None:
            return table[None, None, middle + 1 - total : middle + 1]
        places = place.counted()
        return table[places[:, None, :] - places[:, place.start :, None] + middle]

    def _bucket(self, distance: Tensor) -> Tensor:
        """Half of the buckets hold one distance each; in the other half they grow with the logarithm."""
        buckets, after = self.buckets, torch.zeros_like(distance)
        if self.causal:
            distance = -distance.clamp(max=0)
        else:
            buckets //= 2
            distance, after = distance.abs(), (distance > 0) * buckets
        exact = buckets // 2
        share = torch.log(distance.float() / exact) / math.log(self.furthest / exact)
        wide = (exact + (share * (buckets - exact)).to(torch.long)).clamp(max=buckets - 1)
        return after + torch.where(distance < exact, distance, wide)


class RelativeByLayer(Positions):
    """The same with biases of their own for the layers of each kind."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.layers = nn.ModuleDict({kind: Relative(config) for kind in config.kinds})

    def bias(self, place: Place) -> dict[str, Tensor]:
        """Kind of layer -> what is added to its scores, (B or 1, H, T, S)."""
        return {kind: own.bias(place) for kind, own in self.layers.items()}  # type: ignore[operator]


def _too_long(given: int, limit: int) -> ValueError:
    return ValueError(
        f"the input has {given} tokens, but this model reads {limit} positions.\n"
        f"Shorten it with tokenizer(text, truncation=True, max_length={limit})."
    )


class Rotary(Positions):
    """Queries and keys are turned by angles that grow with the position (Su et al. 2021, arXiv:2104.09864).

    The cosines and sines are computed once, in float32, and looked up. Where the scaling depends on a text's length
    (dynamic, longrope), each row follows its own length, not the batch's longest.
    """

    def __init__(self, config: Config, rope: Mapping[str, Any] | None = None):
        super().__init__(config)
        rope = config.rope if rope is None else rope
        assert rope is not None
        self.rope, self.head_dim, self.limit = dict(rope), config.head_dim, config.max_position_embeddings
        self.interleaved = config.rope_interleaved
        self.scaling = part(SCALINGS, self.rope["rope_type"], "rope_type")
        self.by_length = self.rope["rope_type"] in ("dynamic", "longrope")
        self._tables: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}

    def rotation(self, place: Place) -> Rotate:
        """What turns queries (B, H, T, K) and keys."""
        start, length, positions, real, like = place
        if self.by_length:
            if positions is None:
                positions = torch.arange(start, start + length, device=like.device)[None]
            cos, sin = self._by_row(positions, positions.amax(-1) + 1 if real is None else real.sum(-1), like)
        else:
            cos, sin = self._table(start + length, positions, like)
            if positions is None:
                cos, sin = cos.narrow(0, start, length), sin.narrow(0, start, length)  # (T, K)
            else:
                cos, sin = cos[positions].unsqueeze(1), sin[positions].unsqueeze(1)  # (B, 1, T, K)
        return partial(_turned_pairs if self.interleaved else _turned, cos, sin)

    def _table(self, length: int, positions: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines (L, K) in a table that is long enough."""
        key = (like.device, like.dtype)
        table = self._tables.get(key)
        held = 0 if table is None else table[0].shape[0]
        if positions is not None:  # given ones may lie beyond the tokens
            length = max(length, int(positions.max()) + 1)
        if table is None or held < length:
            with torch.inference_mode(False), torch.no_grad():  # training may use what an evaluation made
                places = torch.arange(max(length, min(self.limit, 2048), 2 * held), device=like.device)
                cos, sin = self._waves(places, None)
                table = self._tables[key] = (cos.to(like.dtype), sin.to(like.dtype))
        return table

    def _by_row(self, positions: Tensor, lengths: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines (B, 1, T, K), each row's by its own length (B,)."""
        each = zip(positions.expand(len(lengths), -1), lengths.tolist(), strict=True)
        rows = [self._waves(row, length) for row, length in each]
        cos, sin = (torch.stack(waves).unsqueeze(1).to(like.dtype) for waves in zip(*rows, strict=True))
        return cos, sin

    def _waves(self, positions: Tensor, length: int | None) -> tuple[Tensor, Tensor]:
        """Cosines, and sines with the first of each pair negated: positions (T,) -> (T, K), float32."""
        turned = self.rope.get("dim") or int(self.head_dim * self.rope.get("partial_rotary_factor", 1.0))
        speeds, factor = self.scaling(self.rope, turned, self.limit, length)
        angles = positions[:, None].float() * speeds.to(positions.device)  # (T, K / 2)
        cos, sin = angles.cos() * factor, angles.sin() * factor
        if self.interleaved:
            return cos.repeat_interleave(2, -1), torch.stack((-sin, sin), -1).flatten(-2)
        return torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)


def _turned(cos: Tensor, sin: Tensor, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    turned = cos.shape[-1]
    if turned == q.shape[-1]:
        half = turned // 2
        return torch.addcmul(q * cos, q.roll(half, -1), sin), torch.addcmul(k * cos, k.roll(half, -1), sin)
    return _turn_front(q, cos, sin), _turn_front(k, cos, sin)


def _turned_pairs(cos: Tensor, sin: Tensor, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    return _turn_pairs(q, cos, sin), _turn_pairs(k, cos, sin)


def _turn_front(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first part of each head and leave the rest."""
    front, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
    return torch.cat((torch.addcmul(front * cos, front.roll(cos.shape[-1] // 2, -1), sin), rest), -1)


def _turn_pairs(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """The same, where the numbers of a pair stand side by side."""
    front, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
    turned = torch.addcmul(front * cos, front.unflatten(-1, (-1, 2)).flip(-1).flatten(-2), sin)
    return torch.cat((turned, rest), -1) if rest.shape[-1] else turned


class Alibi(Positions):
    """Scores fall with the distance, in each head at a rate of its own (Press et al. 2021, arXiv:2108.12409).

    What is added grows with the key's position: softmax sees only differences. `config.alibi` may hold `scale`, by
    which it is multiplied, and `dtype`, by name, to which it is rounded before.
    """

    def __init__(self, config: Config):
        super().__init__(config)
        self.slopes = slopes(config.num_attention_heads)
        self.scale, self.rounded = config.alibi.get("scale", 1.0), config.alibi.get("dtype")

    def bias(self, place: Place) -> Tensor | None:
        """What is added to the scores, (B or 1, H, 1, S)."""
        places = place.counted() if place.real is None else (place.real.cumsum(-1) - 1) * place.real
        rates = torch.tensor(self.slopes, device=place.like.device)
        if self.rounded is not None:
            rates = rates.to(getattr(torch, self.rounded))
        return ((rates[:, None] * places[:, None]).to(place.like.dtype) * self.scale)[:, :, None]


def slopes(heads: int) -> list[float]:
    """How steeply each head's scores fall: a geometric row; where heads are no power of two, out of the next's."""
    row = 1 << (heads - 1).bit_length()
    falls = [2.0 ** (-8 * (n + 1) / row) for n in range(row)]
    return falls if row == heads else (falls[1::2] + falls[::2])[:heads]


# How fast each pair of a head turns: (rope, K, the positions trained on, a text's length) -> (speeds (K / 2,), factor)


def default(rope: Mapping[str, Any], dim: int, limit: int, length: int | None) -> tuple[Tensor, float]:
    """A geometric row of speeds from 1 to nearly 1 / theta."""
    return _speeds(rope["rope_theta"], dim), 1.0


def linear(rope: Mapping[str, Any], dim: int, limit: int, length: int | None) -> tuple[Tensor, float]:
    """All slower by one factor (position interpolation, Chen et al. 2023, arXiv:2306.15595)."""
    return _speeds(rope["rope_theta"], dim) / rope["factor"], 1.0


def dynamic(rope: Mapping[str, Any], dim: int, limit: int, length: int | None) -> tuple[Tensor, float]:
    """Theta grows with a text longer than the training's (NTK-aware scaling; arXiv:2309.00071, appendix)."""
    factor, length = rope["factor"], max(length or 0, limit)
    theta = rope["rope_theta"] * ((factor * length / limit) - (factor - 1)) ** (dim / (dim - 2))
    return _speeds(theta, dim), 1.0


def yarn(rope: Mapping[str, Any], dim: int, limit: int, length: int | None) -> tuple[Tensor, float]:
    """Slow pairs are interpolated, fast ones left, with a ramp between (Peng et al. 2023, arXiv:2309.00071)."""
    theta, trained = rope["rope_theta"], rope["original_max_position_embeddings"]
    factor = rope["factor"] if rope.get("factor") is not None else limit / trained

    def boundary(turns: float) -> float:  # the pair that turns this often over the trained length
        return dim * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = boundary(rope.get("beta_fast") or 32), boundary(rope.get("beta_slow") or 1)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    ramp = (torch.arange(dim // 2, dtype=torch.float32) - low) / (high - low if high != low else 0.001)
    kept = 1 - ramp.clamp(0, 1)
    speeds = _speeds(theta, dim)

    def growth(scale: float, by: float = 1.0) -> float:
        return 1.0 if scale <= 1 else 0.1 * by * math.log(scale) + 1.0

    attention = rope.get("attention_factor")
    if attention is None:
        over, under = rope.get("mscale"), rope.get("mscale_all_dim")
        attention = growth(factor, over) / growth(factor, under) if over and under else growth(factor)
    return speeds / factor * (1 - kept) + speeds * kept, attention


def longrope(rope: Mapping[str, Any], dim: int, limit: int, length: int | None) -> tuple[Tensor, float]:
    """Each pair has a factor of its own, one set for short texts, one for long (Ding et al. 2024, arXiv:2402.13753)."""
    trained = rope["original_max_position_embeddings"]
    factor = rope["factor"] if rope.get("factor") is not None else limit / trained
    attention = rope.get("attention_factor")
    if attention is None:
        attention = 1.0 if factor <= 1.0 else math.sqrt(1 + math.log(factor) / math.log(trained))
    kind = "long" if length is not None and length > trained else "short"
    attention, factors = rope.get(f"{kind}_mscale", attention), rope[f"{kind}_factor"]
    return _speeds(rope["rope_theta"], dim) / torch.tensor(factors, dtype=torch.float32), attention


def llama3(rope: Mapping[str, Any], dim: int, limit: int, length: int | None) -> tuple[Tensor, float]:
    """Long waves are slowed by a factor, short ones left, those between blended (Llama 3.1, arXiv:2407.21783)."""
    speeds, factor = _speeds(rope["rope_theta"], dim), rope["factor"]
    slow, fast = rope["low_freq_factor"], rope["high_freq_factor"]
    turns = rope["original_max_position_embeddings"] * speeds / (2 * math.pi)  # over the trained length
    blend = ((turns - slow) / (fast - slow)).clamp(0, 1)
    return (1 - blend) * speeds / factor + blend * speeds, 1.0


def _speeds(theta: float, dim: int) -> Tensor:
    return 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)


SCALINGS: dict[str, Callable[[Mapping[str, Any], int, int, int | None], tuple[Tensor, float]]] = {
    "default": default,
    "dynamic": dynamic,
    "linear": linear,
    "llama3": llama3,
    "longrope": longrope,
    "yarn": yarn,
}


class LearnedRelative(Learned):
    """Both: a vector for each position, and a bias for each distance (MPNet)."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.relative = Relative(config)

    def bias(self, place: Place) -> Tensor:
        """What is added to the scores, (B or 1, H, T, S)."""
        return self.relative.bias(place)


class Distances(NamedTuple):
    """How far the tokens stand from one another: vectors (2 R, D), and which of them is each pair's (B or 1, T, S)."""

    vectors: Tensor
    places: Tensor


class Disentangled(Positions):
    """A vector for each distance, near ones each their own, far ones in buckets (He et al. 2020, arXiv:2006.03654).

    `config.disentangled`: `span`, how many on each side (0: none); `buckets` and `limit`, where they are buckets;
    `norm`; `learned`, whether there is a vector for each position, too.
    """

    def __init__(self, config: Config):
        super().__init__(config)
        told = config.disentangled
        self.span, self.buckets, self.limit = told["span"], told["buckets"], told["limit"]
        self.learned = Learned(config) if told["learned"] else None
        table = torch.empty(2 * self.span, config.hidden_size)
        self.far = nn.Embedding(len(table), config.hidden_size, _weight=table) if self.span else None
        self.norm = nn.LayerNorm(config.hidden_size, config.norm_eps) if told["norm"] else None

    def embed(self, x: Tensor, start: int, positions: Tensor | None) -> Tensor:
        """X (B, T, D), with the positions' vectors where there are such."""
        return x if self.learned is None else self.learned.embed(x, start, positions)

    def rotation(self, place: Place) -> Distances | None:  # type: ignore[override]
        """The distances, for the mixer that scores them."""
        if self.far is None:
            return None
        vectors = self.far.weight if self.norm is None else self.norm(self.far.weight)
        places = place.counted()
        index = self._bucket(places[:, :, None] - places[:, None, :]) + self.span
        return Distances(vectors, index.clamp(0, 2 * self.span - 1))

    def _bucket(self, distance: Tensor) -> Tensor:
        """The near half each its own, the far half by the logarithm, up to `limit`."""
        if not self.buckets:
            return distance
        middle = self.buckets // 2
        far = distance.abs().clamp(min=middle)
        share = torch.log(far / middle) / torch.log(torch.tensor((self.limit - 1) / middle))
        wide = (torch.ceil(share * (middle - 1)) + middle).long() * distance.sign()
        return torch.where(distance.abs() <= middle, distance, wide)


POSITIONS: dict[str, Callable[[Config], Positions]] = {
    "alibi": Alibi,
    "disentangled": Disentangled,
    "learned": Learned,
    "learned_relative": LearnedRelative,
    "none": Positions,
    "relative": Relative,
    "relative_by_layer": RelativeByLayer,
    "rotary": Rotary,
    "sinusoidal": Sinusoidal,
    "sinusoidal_table": SinusoidalTable,
}
