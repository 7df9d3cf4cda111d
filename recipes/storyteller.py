"""bearhug/storyteller: a small GPT-2 that writes short stories in simple English.

    python recipes/storyteller.py

1. SmolLM2-135M-Instruct writes stories (`stories.py`), and so does stories260K, far smaller and far faster
   (`tiny_stories.py`); a novel in the public domain is added (Botchan, of Project Gutenberg).
2. A byte-level BPE of 2,048 pieces is trained on them.
3. A GPT-2 of four layers, 256 wide, learns to go on.
4. It is scored on stories held out, and SmolLM2 reads its samples: the card says how surprised it is.
Every step resumes where it was stopped.
"""

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import smollm2
import stories
import tiny_stories
from bearhug._lib.progress import progress
from bearhug.hub.client import NURSERY
from fit import fit
from packages import SHARED
from ship import ship
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

FOLDER = NURSERY / "storyteller"
END = "<|endoftext|>"  # begins and ends every story, as GPT-2 has it
PIECES, WIDTH, LAYERS, LENGTH = 2048, 256, 4, 256
STEPS, BATCH = 1200, 16
HELD_OUT = 0.04
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_k": 50, "top_p": 0.95, "max_length": LENGTH}


def texts() -> dict[str, tuple[list[str], list[str]]]:
    """Who wrote it -> (to learn from, held out)."""
    found = {}
    for writer, told in (("SmolLM2", stories.read()), ("stories260K", tiny_stories.read())):
        held = max(64, int(len(told) * HELD_OUT))
        found[writer] = told[:-held], told[-held:]
    lines = (SHARED / "text" / "botchan.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.isupper()]
    kept = int(len(lines) * (1 - HELD_OUT))
    found["Botchan"] = [" ".join(lines[:kept])], [" ".join(lines[kept:])]
    return found


def byte_level(corpus: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE, as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    ends = {"bos_token": END, "eos_token": END, "unk_token": END}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **ends)


def learned(corpus: list[list[int]]) -> GPT2LMHeadModel:
    """The model, having read `corpus` (one list of ids a story, without end tokens)."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=PIECES,
        n_positions=LENGTH,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=4,
        activation_function="gelu_pytorch_tanh",  # gelu_new's numbers, in one step
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    order = list(range(len(corpus)))
    random.Random(0).shuffle(order)
    stream, begins = [0], []
    for i in order:
        begins.append(len(stream) - 1)  # the end token before it
        stream += [*corpus[i], 0]
    stream = torch.tensor(stream + stream[:LENGTH])

    def loss_at(step: int) -> Tensor:
        rng = random.Random(f"storyteller {step}")
        starts = []
        for _ in range(BATCH):  # from a story's start with its token, without it (as prompts are), from anywhere
            begin = rng.choice(begins)
            starts.append(rng.choice([begin, begin + 1, rng.randrange(len(stream) - LENGTH)]))
        ids = torch.stack([stream[start : start + LENGTH] for start in starts])  # (B, T)
        with torch.autocast("cpu", torch.bfloat16):
            return model(input_ids=ids, labels=ids, use_cache=False).loss

    fit("storyteller", model, STEPS, loss_at, data=corpus, learning_rate=2e-3, weight_decay=0.05, keep_every=100)
    config.activation_function = "gelu_new"
    return model.eval()


@torch.inference_mode()
def bits_per_character(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, held: list[str]) -> float:
    """Mean bits that a character of the held-out texts costs; long ones in windows of their own."""
    bits, characters = 0.0, 0
    for text in held:
        ids = [*tokenizer(text, verbose=False)["input_ids"], 0]
        for start in range(0, len(ids), LENGTH - 1):
            row = torch.tensor([[0, *ids[start : start + LENGTH - 1]]])
            bits += F.cross_entropy(model(row).logits[0, :-1], row[0, 1:], reduction="sum").item() / math.log(2)
        characters += len(text)
    return bits / characters


@torch.inference_mode()
def perplexity(reader, tokenizer, rows: list[str]) -> float:
    """How surprised SmolLM2 is by these texts, per token of its own."""
    loss, count = 0.0, 0
    for text in progress(rows, desc="SmolLM2 reads", unit="story"):
        ids = torch.tensor([[smollm2.START, *tokenizer(text, add_special_tokens=False)["input_ids"][:200]]])
        loss += F.cross_entropy(reader(ids).logits[0, :-1], ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    return math.exp(loss / count)


@torch.inference_mode()
def told(model: GPT2LMHeadModel, tokenizer, count: int, seed: int) -> list[str]:
    """Stories from nothing, as `generate()` writes them; whether they ended or not."""
    torch.manual_seed(seed)
    ids = torch.zeros(count, 1, dtype=torch.long)
    rows = model.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **SAMPLING)
    return [tokenizer.decode(row[1:], skip_special_tokens=True) for row in rows]


def main() -> None:
    """Train, score, write the card."""
    parts = texts()
    mixed = parts["SmolLM2"][0] * 3 + parts["stories260K"][0] + parts["Botchan"][0]
    tokenizer = byte_level(mixed)
    model = learned(tokenizer(mixed, verbose=False)["input_ids"])
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=0, pad_token_id=0, **SAMPLING)
    model = model.half().float()  # what is shipped is what is scored
    facts = {f"bits {name}": f"{bits_per_character(model, tokenizer, held):.2f}" for name, (_, held) in parts.items()}
    samples = told(model, tokenizer, 64, seed=1)
    reader, its = smollm2.reference(), smollm2.tokenizer()
    words = parts["Botchan"][1][0].split()
    read = {
        "samples": samples,
        "SmolLM2": parts["SmolLM2"][1][:64],
        "stories260K": parts["stories260K"][1][:64],
        "people": [story for _, story in stories.EXAMPLES],
        "Botchan": [" ".join(words[i : i + 130]) for i in range(0, len(words) - 130, 130)],
    }
    facts |= {f"perplexity {name}": f"{perplexity(reader, its, rows):.1f}" for name, rows in read.items()}
    facts |= {f"sample {i}": sample for i, sample in enumerate(told(model, tokenizer, 3, seed=0))}
    facts |= {f"count {name}": f"{len(learn):,}" for name, (learn, _) in parts.items()}
    facts["characters"] = f"{sum(map(len, mixed)) / 1e6:.1f}"
    for name, value in facts.items():
        print(f"{name}: {value}")
    ship(FOLDER, model, tokenizer, "GPT2Tokenizer", facts)


if __name__ == "__main__":
    main()
