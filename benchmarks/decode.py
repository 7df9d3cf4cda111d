"""How long does a token take, for a model that is all overhead and for one that is all weights?

Limits: for the tiny model the same GPT-2 step written in bare torch, nothing but its operations; for the large one a
pass over its weights at the speed of reading memory. Give `tiny` or `large` to run one of the two; one thread.
"""

import copy
import os
import sys
import tempfile
import time
import warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch
import torch.nn.functional as F
import transformers

from bearhug import AutoModelForCausalLM, quantize
from paired import paired

TINY = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 512, "n_positions": 512}
LARGE = {}  # GPT-2, 124 million parameters


def models(sizes):
    """The same random GPT-2, ours and theirs; no token ends it."""
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).eval()
    theirs.generation_config.eos_token_id = None
    theirs.generation_config.pad_token_id = 0
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = AutoModelForCausalLM.from_pretrained(folder)
        return ours, theirs


@torch.inference_mode()
def bare(state, config, tokens):
    """Greedy decoding from token 0 in the fewest torch operations that GPT-2 needs."""
    heads, size = config.n_head, config.n_embd // config.n_head
    keys, values = torch.empty(2, config.n_layer, 1, heads, tokens, size).unbind(0)
    w = {name.removeprefix("transformer."): value for name, value in state.items()}
    for name in list(w):
        if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            w[name] = w[name].t()
    token = torch.zeros(1, dtype=torch.long)
    for step in range(tokens):
        x = F.embedding(token, w["wte.weight"]) + w["wpe.weight"][step]
        for i in range(config.n_layer):
            h = f"h.{i}."
            y = F.layer_norm(x, x.shape[-1:], w[h + "ln_1.weight"], w[h + "ln_1.bias"])
            qkv = F.linear(y, w[h + "attn.c_attn.weight"], w[h + "attn.c_attn.bias"]).view(3, 1, heads, 1, size)
            keys[i, :, :, step], values[i, :, :, step] = qkv[1, :, :, 0], qkv[2, :, :, 0]
            y = F.scaled_dot_product_attention(qkv[0], keys[i, :, :, : step + 1], values[i, :, :, : step + 1])
            x = x + F.linear(y.view(1, -1), w[h + "attn.c_proj.weight"], w[h + "attn.c_proj.bias"])
            y = F.layer_norm(x, x.shape[-1:], w[h + "ln_2.weight"], w[h + "ln_2.bias"])
            y = F.gelu(F.linear(y, w[h + "mlp.c_fc.weight"], w[h + "mlp.c_fc.bias"]), approximate="tanh")
            x = x + F.linear(y, w[h + "mlp.c_proj.weight"], w[h + "mlp.c_proj.bias"])
        x = F.layer_norm(x, x.shape[-1:], w["ln_f.weight"], w["ln_f.bias"])
        token = F.linear(x, w["wte.weight"]).argmax(-1)


def read_seconds(numbers):
    """How long one thread takes to read so many float32 numbers once."""
    values, times = torch.ones(numbers), []
    for _ in range(7):
        start = time.process_time()
        values.sum()
        times.append(time.process_time() - start)
    return min(times)


def tiny():
    ours, theirs = models(TINY)
    state, config, tokens = theirs.state_dict(), theirs.config, 200
    ids, batch = torch.zeros(1, 1, dtype=torch.long), torch.zeros(8, 16, dtype=torch.long)
    bare(state, config, tokens)
    times = []
    for _ in range(7):
        start = time.process_time()
        bare(state, config, tokens)
        times.append(time.process_time() - start)
    limit = sorted(times)[3] / tokens * 1e6
    questions = {
        "tiny, greedy": (ids, {}),
        "tiny, sampling": (ids, {"do_sample": True}),
        "tiny, all that samples": (
            ids,
            {"do_sample": True, "temperature": 0.8, "top_p": 0.9, "repetition_penalty": 1.1},
        ),
        "tiny, 8 rows": (batch, {}),
        "tiny, 4 beams": (ids, {"num_beams": 4}),
    }
    for question, (prompt, options) in questions.items():
        options = {"max_new_tokens": tokens, **options}
        paired(
            question, unit="us", work=tokens, clock="cpu", rounds=5, limit=limit if prompt is ids else None,
            ours=lambda p=prompt, o=options: ours.generate(p, **o),
            theirs=lambda p=prompt, o=options: theirs.generate(p, attention_mask=torch.ones_like(p), **o),
        )  # fmt: skip


def large():
    ours, theirs = models(LARGE)
    tokens, ids = 32, torch.arange(16)[None]
    limit = 1e3 * read_seconds(sum(p.numel() for p in theirs.parameters()))
    for question, options in (
        ("GPT-2, greedy", {}),
        ("GPT-2, sampling with top_p", {"do_sample": True, "top_p": 0.9}),
        ("GPT-2, 4 beams", {"num_beams": 4}),
    ):
        paired(
            question, unit="ms", work=tokens, clock="cpu", rounds=3, limit=limit,
            ours=lambda o=options: ours.generate(ids, max_new_tokens=tokens, **o),
            theirs=lambda o=options: theirs.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, **o
            ),
        )  # fmt: skip
    batch = ids.repeat(8, 1)
    paired(
        "GPT-2, greedy, 8 rows", unit="ms", work=tokens, clock="cpu", rounds=3, limit=limit,
        ours=lambda: ours.generate(batch, max_new_tokens=tokens),
        theirs=lambda: theirs.generate(batch, attention_mask=torch.ones_like(batch), max_new_tokens=tokens),
    )  # fmt: skip
    for bits in (8, 4):  # in turn with the reference in float32, which has no such weights on a CPU without a library
        rounded = quantize(copy.deepcopy(ours), bits)
        paired(
            f"GPT-2, greedy, {bits} bits", unit="ms", work=tokens, clock="cpu", rounds=3, limit=limit * bits / 32,
            ours=lambda model=rounded: model.generate(ids, max_new_tokens=tokens),
            theirs=lambda: theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens),
        )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for part in sys.argv[1:] or ["tiny", "large"]:
        {"tiny": tiny, "large": large}[part]()
