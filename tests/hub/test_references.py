"""transformers and datasets, unmodified, push to the hub and load back."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.reference

TRANSFORMERS = """
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM, BertTokenizerFast, pipeline
config = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
model = BertForMaskedLM(config).eval()
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmno"]
open("vocab.txt", "w").write("\\n".join(words))
tokenizer = BertTokenizerFast("vocab.txt")
model.push_to_hub("bear/theirs")
tokenizer.push_to_hub("bear/theirs")
back, again = AutoModelForMaskedLM.from_pretrained("bear/theirs").eval(), AutoTokenizer.from_pretrained("bear/theirs")
ids = again("a b [MASK]", return_tensors="pt")
assert torch.equal(back(**ids).logits, model(**ids).logits)
assert len(pipeline(model="bear/theirs")("a b [MASK]")) == 5      # the task comes from the hub's answer
print("equal")
"""
DATASETS = """
from datasets import Dataset, DatasetDict, load_dataset
rows = Dataset.from_dict({"text": [f"line {i}" for i in range(50)], "label": [i % 2 for i in range(50)]})
DatasetDict({"train": rows, "test": rows.select(range(5))}).push_to_hub("bear/theirs")
back = load_dataset("bear/theirs")
assert back["train"].to_dict() == rows.to_dict() and len(back["test"]) == 5
rows.push_to_hub("bear/theirs", config_name="other")
assert len(load_dataset("bear/theirs", "other", split="train")) == 50
assert next(iter(load_dataset("bear/theirs", streaming=True)["test"])) == {"text": "line 0", "label": 0}
print("equal")
"""


@pytest.mark.parametrize("code", [TRANSFORMERS, DATASETS], ids=["transformers", "datasets"])
def test_what_is_pushed_comes_back_equal(hub, tmp_path, code):
    env = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path)

    assert done.stdout == "equal\n", done.stderr[-3000:]
