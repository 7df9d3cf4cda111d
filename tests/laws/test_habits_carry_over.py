"""Law 11, habits carry over: version 4 and 5 names and spellings of the reference, one table that is walked here."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bearhug

STORIES, SENTIMENT, DATA = "bearhug/storyteller", "bearhug/sentiment-en", "bearhug/definitions"
SETUP = f"""
import torch, bearhug
from bearhug import *
from bearhug import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer, GPT2TokenizerFast
tokenizer = AutoTokenizer.from_pretrained({SENTIMENT!r})
data = load_dataset({DATA!r}, split="validation[:4]")
"""
# what people write; each line runs
HABITS = [
    f"assert AutoModelForCausalLM.from_pretrained({STORIES!r}, torch_dtype=torch.float32).dtype == torch.float32",
    f"assert AutoModelForCausalLM.from_pretrained({STORIES!r}, dtype='float32').dtype == torch.float32",
    f"assert AutoModelForCausalLM.from_pretrained({STORIES!r}, low_cpu_mem_usage=True, device_map='cpu') is not None",
    f"assert isinstance(GPT2LMHeadModel.from_pretrained({STORIES!r}), PreTrainedModel)",
    f"assert GPT2Tokenizer.from_pretrained({STORIES!r})('a')['input_ids'] == "
    f"GPT2TokenizerFast.from_pretrained({STORIES!r})('a')['input_ids']",
    "assert GPT2Config(n_layer=2).num_hidden_layers == 2",
    "assert tokenizer.batch_decode([[5, 6], [7]]) == tokenizer.decode([[5, 6], [7]])",
    "assert tokenizer.encode_plus('a b')['input_ids'] == tokenizer('a b')['input_ids']",
    "assert tokenizer.batch_encode_plus(['a b'])['input_ids'] == tokenizer(['a b'])['input_ids']",
    "assert tokenizer.prepare_seq2seq_batch(['a'], ['b'])['labels'] and tokenizer.sanitize_special_tokens() == 0",
    "assert tokenizer.special_tokens_map_extended and tokenizer.max_len_single_sentence < tokenizer.model_max_length",
    "assert tokenizer.truncate_sequences([1, 2, 3], num_tokens_to_remove=1)[0] == [1, 2]",
    f"assert pipeline('sentiment-analysis', {SENTIMENT!r})('good')[0]['label'] == 'POSITIVE'",
    f"assert pipeline('text-classification', {SENTIMENT!r}, torch_dtype=torch.float32)('good')",
    f"assert pipeline('text-generation', {STORIES!r}, return_full_text=False)('Once', max_new_tokens=2)",
    f"assert pipeline(model={SENTIMENT!r}, task='text-classification', device=-1)('good')",
    "assert data.map(lambda row: tokenizer(row['text']), remove_columns=['text']).column_names",
    "assert data.features['label'].int2str(0) and data.train_test_split(test_size=2)['test'].num_rows == 2",
    "set_seed(0)",
    f"assert AutoTokenizer.from_pretrained({SENTIMENT!r}, use_fast=True).is_fast",
    "assert PreTrainedTokenizer is PreTrainedTokenizerFast or issubclass(PreTrainedTokenizerFast, PreTrainedTokenizer)",
]


@pytest.fixture(scope="module")
def scope():
    names: dict = {}
    exec(SETUP, names)
    return names


@pytest.mark.parametrize("line", HABITS)
def test_what_people_write_runs(line, scope):
    exec(line, scope)


@pytest.mark.parametrize("spelling", [["login"], ["auth", "login"], ["auth", "whoami"], ["whoami"], ["logout"]])
def test_both_spellings_of_the_command_line(spelling):
    command = [str(Path(sys.executable).parent / "bearhug"), *spelling, "--help"]

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_trust_remote_code_is_accepted_and_does_nothing(capsys, caplog):
    """In one line that says so."""
    model = bearhug.AutoModelForCausalLM.from_pretrained(STORIES, trust_remote_code=True)

    assert isinstance(model, torch.nn.Module)
    said = capsys.readouterr().err + caplog.text
    assert "trust_remote_code" in said
