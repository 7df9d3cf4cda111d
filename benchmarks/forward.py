"""How fast does a model read and write? One forward of an encoder and of a decoder, and one token at a time.

Limits: for reading, the multiplications at the speed of one large matrix product; for a token, one pass over the
weights at memory bandwidth (a large model), or the same operations in plain torch (a tiny one, where calls cost more).
"""

import os
import tempfile
import time

import torch
import torch.nn.functional as F
import transformers

import bearhug
from paired import bandwidth, paired

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
WIDE = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
TINY = {
    "vocab_size": 512,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "intermediate_size": 172,
}
GPT2_TINY = {"vocab_size": 1000, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512}


def pair(name: str, **values):
    """A random model of the reference and ours, of the same weights."""
    config = transformers.AutoConfig.for_model(name.removeprefix("encoder:"), **values)
    auto = "AutoModel" if name.startswith("encoder:") else "AutoModelForCausalLM"
    with tempfile.TemporaryDirectory() as folder:
        theirs = getattr(transformers, auto).from_config(config).eval()
        theirs.save_pretrained(folder)
        return theirs, getattr(bearhug, auto).from_pretrained(folder)


def matmul_speed() -> float:
    """Multiply-adds per second of one large matrix product."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        a @ b
        best = min(best, time.process_time() - start)
    return 1024**3 / best


def prefill(question: str, name: str, rows: int, tokens: int, **values) -> None:
    theirs, ours = pair(name, **values)
    ids = torch.randint(0, 500, (rows, tokens))
    mask = torch.ones_like(ids)
    mask[0, tokens // 2 :] = 0
    products = sum(parameter.numel() for parameter in ours.model.layers.parameters()) * ids.numel()
    batch = {"input_ids": ids, "attention_mask": mask}
    limit = 1e3 * products / matmul_speed()
    paired(question, clock="cpu", ours=lambda: ours(**batch), theirs=lambda: theirs(**batch), limit=limit)


def decode(question: str, name: str, steps: int = 100, limit: float | None = None, **values) -> None:
    theirs, ours = pair(name, **values)
    prompt, token = torch.randint(0, 500, (1, 20)), torch.tensor([[3]])

    def run_ours():
        cache = ours.new_cache(1, 20 + steps)
        ours(prompt, past_key_values=cache)
        for _ in range(steps):
            ours(token, past_key_values=cache)

    def run_theirs():
        cache = theirs(prompt, use_cache=True).past_key_values
        for _ in range(steps):
            theirs(token, past_key_values=cache, use_cache=True)

    size = sum(p.numel() * p.element_size() for p in ours.parameters())
    limit = limit if limit is not None else 1e6 * size / (bandwidth() / 2)
    paired(question, unit="us", work=steps, clock="cpu", ours=run_ours, theirs=run_theirs, limit=limit)


def plain_gpt2(steps: int = 300) -> float:
    """Microseconds a token of a tiny GPT-2's operations alone, in plain torch."""
    width, heads = GPT2_TINY["n_embd"], GPT2_TINY["n_head"]
    one, table, places = torch.ones(width), torch.randn(1000, width), torch.randn(512, width)
    qkv, out, up = torch.randn(3 * width, width), torch.randn(width, width), torch.randn(4 * width, width)
    down, keys = torch.randn(width, 4 * width), torch.zeros(1, heads, 512, width // heads)
    values, ids = keys.clone(), torch.tensor([[3]])

    def step(at: int) -> None:
        x = F.embedding(ids, table) + places[at : at + 1]
        for _ in range(GPT2_TINY["n_layer"]):
            h = F.linear(F.layer_norm(x, (width,), one, one), qkv)
            q, k, v = h.view(1, 3, heads, 1, width // heads).unbind(1)
            keys[:, :, at : at + 1], values[:, :, at : at + 1] = k, v
            y = F.scaled_dot_product_attention(q, keys[:, :, : at + 1], values[:, :, : at + 1])
            x = x + F.linear(y.reshape(1, 1, width), out)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (width,), one, one), up), approximate="tanh"), down)
        F.linear(F.layer_norm(x, (width,), one, one), table)

    best = float("inf")
    for _ in range(7):
        start = time.process_time()
        for at in range(20, 20 + steps):
            step(at)
        best = min(best, (time.process_time() - start) / steps)
    return 1e6 * best


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    print(f"{THREADS} thread(s); torch {torch.__version__}, transformers {transformers.__version__}")
    with torch.no_grad():
        prefill("encoder, 8 texts of 64 tokens, MiniLM's size", "encoder:bert", 8, 64, **WIDE)
        prefill("encoder, 1 text of 8 tokens, MiniLM's size", "encoder:bert", 1, 8, **WIDE)
        prefill("GPT-2 (small), a prompt of 64", "gpt2", 2, 64)
        decode("a tiny GPT-2's token (limit: plain torch)", "gpt2", limit=plain_gpt2(), **GPT2_TINY)
        decode(
            "a tiny Llama's token (limit: plain torch's GPT-2)",
            "llama",
            limit=plain_gpt2(),
            **TINY,
            num_key_value_heads=4,
        )
        decode("GPT-2 (small), a token (limit: memory)", "gpt2", steps=8)
