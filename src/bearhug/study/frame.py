"""The texts of the plain file that are not written out of the parts: what holds the layers together, and masks."""

HEADER = '''\
"""{title}
{how}
"""

{imports}
from collections import namedtuple
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

Sight = namedtuple("Sight", "mask real")  # (B, 1 or H, T, S), who sees whom; (B, S), the real tokens
'''
IMPORTS = {
    "math": "import math",
    "sys": "import sys",
    "SimpleNamespace": "from types import SimpleNamespace",
    "partial": "from functools import partial",
}
SIGHT_CODE = {  # causal, with windows ->
    (True, True): '''
def sight(real, window=None):
    """Each real token sees the real ones up to itself; a window counts real tokens only."""
    order = torch.arange(real.shape[1], device=real.device)
    mask = (order <= order[:, None]) & real[:, None, :]
    if window is not None:
        places = counted(real)
        mask &= places[:, :, None] - places[:, None, :] < window
    return Sight(mask[:, None], real)
''',
    (True, False): '''
def sight(real):
    """Each real token sees the real ones up to itself."""
    order = torch.arange(real.shape[1], device=real.device)
    return Sight(((order <= order[:, None]) & real[:, None, :])[:, None], real)
''',
    (False, True): '''
def whole_sight(real, window=None):
    """Each token sees all real ones; a window counts real tokens only, both ways."""
    mask = real[:, None, :]
    if window is not None:
        places = counted(real)
        mask = mask & ((places[:, :, None] - places[:, None, :]).abs() < window)
    return Sight(mask[:, None], real)
''',
    (False, False): '''
def whole_sight(real):
    """Each token sees all real ones."""
    return Sight(real[:, None, None, :], real)
''',
}
COUNTED = '''
def counted(real):
    """The place of each token (B, T), counted over the real ones."""
    return (real.cumsum(-1) - 1){padding}
'''
ATTEND = '''
def attend(q, k, v, sight, scale):
    """Each query's scores with the keys in sight; the values' mean by their softmax: (B, T, H * K), and the weights."""
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))  # a head for each query's
    scores = q @ k.transpose(2, 3) * scale  # (B, H, T, S)
    {capped}scores = {masked}
    weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
    return (weights @ v).transpose(1, 2).flatten(2), weights
'''
SEEN = "scores.masked_fill(~sight.mask, torch.finfo(scores.dtype).min)"
BIASED = '''
def biased(sight, bias):
    """The same sight, with numbers that are added to the scores of what is seen."""
    return Sight(bias.masked_fill(~sight.mask, torch.finfo(bias.dtype).min), sight.real)
'''
ROTATION = '''
def {name}(places, real, like):
    """What turns queries and keys (B, H, T, K) by angles that grow with their places (B, T)."""
    {waves}
    {pairs}

    def turn(x):
        {turn}

    return lambda q, k: (turn(q), turn(k))
'''
TURN = "return x * cos + {other} * sin"
TURN_FRONT = """front, rest = x[..., :{turned}], x[..., {turned}:]
        return torch.cat((front * cos + {other} * sin, rest), -1)"""
PLAIN_WAVES = """speeds = 1.0 / {theta} ** (torch.arange(0, {turned}, 2, dtype=torch.float32) / {turned})
    angles = places[:, None, :, None].float() * speeds
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)"""
SHARED_WAVES = """speeds, factor = {scaling}({rope}, {turned}, {limit}, None)
    angles = places[:, None, :, None].float() * speeds
    cos, sin = (angles.cos() * factor).to(like.dtype), (angles.sin() * factor).to(like.dtype)"""
ROW_WAVES = """lengths = real.sum(-1).tolist()  # each row turns by its own length
    each = [{scaling}({rope}, {turned}, {limit}, length) for length in lengths]
    angles = torch.stack([row[:, None].float() * one[0] for row, one in zip(places, each, strict=True)])[:, None]
    factor = torch.tensor([one[1] for one in each])[:, None, None, None]
    cos, sin = (angles.cos() * factor).to(like.dtype), (angles.sin() * factor).to(like.dtype)"""
HALVES = "cos, sin = torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)"
PAIRS = "cos, sin = cos.repeat_interleave(2, -1), torch.stack((-sin, sin), -1).flatten(-2)"
RELATIVE = '''
def bucket(distance, causal):
    """Half of the buckets hold one distance each; in the others they grow with the logarithm."""
    buckets = {buckets} if causal else {buckets} // 2
    after = 0 if causal else (distance > 0) * buckets
    distance = -distance.clamp(max=0) if causal else distance.abs()
    exact = buckets // 2
    share = torch.log(distance.float() / exact) / math.log({furthest} / exact)
    wide = (exact + (share * (buckets - exact)).long()).clamp(max=buckets - 1)
    return after + torch.where(distance < exact, distance, wide)
'''
BY_HEAD = '''
def by_head(x, heads):
    """(B, T, heads * K) -> (B, heads, T, K)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)
'''
BESIDE_SINKS = '''
def eager(q, k, v, sight, scale, sinks):
    """Each query's scores with the keys in sight, and with nothing (H,); the values' mean by their softmax."""
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))  # a head for each query's
    scores = (q @ k.transpose(2, 3) * scale).masked_fill(~sight.mask, torch.finfo(q.dtype).min)  # (B, H, T, S)
    nothing = sinks[:, None, None].to(q.dtype).expand(*scores.shape[:3], 1)
    weights = torch.cat((scores, nothing), -1).softmax(-1, dtype=torch.float32).to(q.dtype)[..., :-1]
    return (weights @ v).transpose(1, 2).flatten(2), weights
'''
DISTANCES = '''
Distances = namedtuple("Distances", "vectors places")  # (2 R, D); (B, T, T), which of them is each pair's


def distances(vectors, places):
    """How far the tokens stand from one another{far}."""
    distance = places[:, :, None] - places[:, None, :]
    {buckets}return Distances(vectors, (distance + {span}).clamp(0, 2 * {span} - 1))
'''
BUCKETS = """near = distance.abs() <= {middle}  # each its own
    share = torch.log(distance.abs().clamp(min={middle}) / {middle}) / torch.log(torch.tensor({last} / {middle}))
    wide = (torch.ceil(share * {steps}) + {middle}).long() * distance.sign()
    distance = torch.where(near, distance, wide)
    """
DELTA_RULE = '''
def delta_rule(q, k, v, rate, log_keep, state):
    """Token by token: S = keep * S; S = S + k (rate * (v - k S)); y = q S / sqrt(K).

    q, k (B, G, T, K); v (B, G, R, T, V); rate, log_keep (B, G, R, T) -> y (B, G, R, T, V), the last S (B, G, R, K, V).
    """
    q, k, read = q[:, :, None] * q.shape[-1] ** -0.5, k[:, :, None], []
    state = v.new_zeros(*v.shape[:3], q.shape[-1], v.shape[-1])
    for place in range(v.shape[3]):
        now = slice(place, place + 1)
        state = state * log_keep[..., now, None].exp()
        wrong = (v[..., now, :] - k[..., now, :] @ state) * rate[..., now, None]
        state = state + k[..., now, :].transpose(3, 4) * wrong
        read.append(q[..., now, :] @ state)
    return torch.cat(read, 3), state
'''
# functions that are not folded: what they spare is written out plainly
WRITTEN = {"biased": BIASED, "by_head": BY_HEAD, "delta_rule": DELTA_RULE, "eager": BESIDE_SINKS}
ALIBI = "bias = (torch.tensor({slopes}){rounded}[:, None] * (places * real)[:, None]).to(x.dtype)[:, :, None] * {scale}"
USE = '''
def weights(folder):
    """The checkpoint's tensors under this file's names."""
    files, found = sorted(Path(folder).glob("*.safetensors")), {{}}
    stored = {{name: tensor for file in files for name, tensor in load_file(file).items()}}
{lines}
    return found


def load(folder):
    """The model with a checkpoint's weights."""
    with torch.device("meta"):
        model = Model()
    model.load_state_dict(weights(folder), strict=True, assign=True)
{varying}    return model.eval()


if __name__ == "__main__":
    ids = torch.tensor([[int(one) for one in sys.argv[2:]]])
    answer = load(sys.argv[1])({call})
    print(tuple(answer.shape), answer[0].argmax(-1).tolist())
'''
EMBEDS = {  # positions.POSITIONS -> what `forward` does with x before the layers
    "learned": "x = x + F.embedding(places + {offset}, self.positions.weight)",
    "learned_relative": "x = x + F.embedding(places + {offset}, self.positions.weight)",
    "sinusoidal_table": "x = x + F.embedding(places + {offset}, self.positions.weight)",
    "sinusoidal": "x = x + sines({rows}, {width})[places + {offset}].to(x.dtype)",
}
SINES = '''
def sines(rows, width):
    """Sines, then cosines, of the places by a geometric row of speeds."""
    half, table = width // 2, torch.zeros(rows, width, dtype=torch.float64)
    angles = torch.arange(rows, dtype=torch.float64)[:, None] * 10000.0 ** -(torch.arange(half) / (half - 1)).double()
    table[:, :half], table[:, half : 2 * half] = angles.sin(), angles.cos()
    {padding}return table.float()
'''
SOURCE = """
Source = namedtuple("Source", "states sight")  # the other text: its vectors (B, S, D), and which of them are real
"""
STACK = ("embed_tokens", "project_in", "project_out", "embed_types", "embed_tasks", "embed_norm", "norm", "layers")
FIRST = "real.int().argmax(-1)"
LAST = "(torch.arange(real.shape[1]) * real).argmax(-1)"
ANSWERS = {  # task -> what `forward` ends with
    "base": "first = real.int().argmax(-1)\nreturn x, self.head(x[torch.arange(len(x)), first])",
    "causal-lm": "return self.head(x)",
    "masked-lm": "return self.head(x)",
    "seq2seq-lm": "return self.head(x)",
    "token-classification": "return self.head(x)",
    "question-answering": "return self.head(x).unbind(-1)",
    "sequence-classification": "return self.head(x[torch.arange(len(x)), {pick}])",
}
