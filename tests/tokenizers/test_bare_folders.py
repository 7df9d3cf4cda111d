"""Folders with a config.json that names the kind of model, and vocabulary files: the class and ids of the reference."""

import shutil

import pytest

from bearhug import AutoTokenizer
from tokenizer_folders import write
from vocabulary_folders import (
    WORD_BPES,
    byte_level,
    ctc,
    marian,
    model_and_vocabulary,
    pieces_in_lines,
    suffixed,
    tekken_json,
    tiktoken_file,
    wordpiece,
)

pytestmark = pytest.mark.reference
TEXTS = ["Hello the hot water", "a  b 12", ""]

# model type -> the file's name and the model that is copied there
SENTENCEPIECE = {
    "t5": ("spiece.model", "t5"),
    "mt5": ("spiece.model", "t5"),
    "umt5": ("tokenizer.model", "t5"),
    "llama": ("tokenizer.model", "llama"),
    "mistral": ("tokenizer.model", "llama"),
    "phi3": ("tokenizer.model", "llama"),
    "internlm2": ("tokenizer.model", "llama"),
    "qwen2": ("tokenizer.model", "llama"),
    "idefics2": ("tokenizer.model", "llama"),
    "gemma": ("tokenizer.model", "gemma"),
    "gemma2": ("tokenizer.model", "gemma"),
    "gemma3_text": ("tokenizer.model", "gemma"),
    "xlm-roberta": ("sentencepiece.bpe.model", "unigram"),
    "camembert": ("sentencepiece.bpe.model", "unigram"),
    "albert": ("spiece.model", "albert"),
    "xlnet": ("spiece.model", "xlnet"),
    "mbart": ("sentencepiece.bpe.model", "unigram"),
    "deberta-v2": ("spm.model", "albert"),
    "big_bird": ("spiece.model", "albert"),
    "pegasus": ("spiece.model", "t5"),
    "reformer": ("spiece.model", "bpe"),
    "siglip": ("spiece.model", "t5"),
    "speecht5": ("spm_char.model", "char"),
    "plbart": ("sentencepiece.bpe.model", "unigram"),
    "bert-generation": ("spiece.model", "unigram"),
    "seamless_m4t": ("sentencepiece.bpe.model", "bpe"),
}
OTHERS = dict.fromkeys(
    "gpt2 roberta bart codegen opt phi starcoder2 gpt_neox blenderbot deberta longformer led cohere whisper "
    "mamba".split(),
    lambda folder, models: byte_level(folder),
)
OTHERS |= dict.fromkeys(("clip", "openai-gpt"), lambda folder, models: suffixed(folder))
OTHERS |= dict.fromkeys(
    "bert electra mpnet funnel splinter layoutlm squeezebert mobilebert convbert nomic_bert".split(),
    lambda folder, models: wordpiece(folder),
)
OTHERS |= dict.fromkeys(("canine", "perceiver"), lambda folder, models: write(folder))
OTHERS |= dict.fromkeys(("wav2vec2", "hubert"), lambda folder, models: ctc(folder))
OTHERS |= dict.fromkeys(("m2m_100", "speech_to_text"), model_and_vocabulary)
OTHERS |= dict.fromkeys(("mistral", "mistral3"), lambda folder, models: tekken_json(folder / "tekken.json"))
OTHERS |= {
    "marian": marian,
    "ctrl": lambda folder, models: WORD_BPES["CTRLTokenizer"](folder),
    "blenderbot-small": lambda folder, models: WORD_BPES["BlenderbotSmallTokenizer"](folder),
    "prophetnet": lambda folder, models: pieces_in_lines(folder, "prophetnet.tokenizer"),
    "llama": lambda folder, models: tiktoken_file(folder / "tokenizer.model"),
}


def assert_same(folder, model_type):
    from transformers import AutoTokenizer as Theirs

    (folder / "tokenizer_config.json").unlink(missing_ok=True)
    write(folder, config__json={"model_type": model_type})
    ours, theirs = AutoTokenizer.from_pretrained(folder), Theirs.from_pretrained(folder)
    general = {"PreTrainedTokenizerFast": "TokenizersBackend"}
    assert general.get(type(ours).__name__, type(ours).__name__) == type(theirs).__name__
    assert [dict(ours(text)) for text in TEXTS] == [dict(theirs(text)) for text in TEXTS]


@pytest.mark.parametrize("model_type", SENTENCEPIECE)
def test_a_sentencepiece_model(model_type, models, tmp_path):
    filename, model = SENTENCEPIECE[model_type]
    shutil.copy(models[model], tmp_path / filename)
    assert_same(tmp_path, model_type)


@pytest.mark.filterwarnings("ignore")  # the reference's own, of libraries that it recommends
@pytest.mark.parametrize("model_type", OTHERS)
def test_other_files(model_type, models, tmp_path):
    OTHERS[model_type](tmp_path, models)
    assert_same(tmp_path, model_type)
