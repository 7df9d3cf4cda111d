"""GGUF: the file's header, and the tokenizer in its metadata."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearhug import AutoTokenizer
from bearhug.checkpoints.gguf.file import GGUF
from tokenizer_folders import WORDS, bpe, byte_bpe
from tokenizer_sameness import described

TEXTS = [
    "Hello world, it's 1234567 Élan 日本!",
    "<|im_start|>the hot<|im_end|> <think>x",
    "  two  blanks\n\nend",
    "",
    "a [PAD] b",
]
writer = pytest.importorskip("gguf", reason="the reference extra is not installed")


def write(path, architecture="llama", tensors=(), **about):
    out = writer.GGUFWriter(str(path), architecture)
    # what the reference needs to know of a model
    out.add_context_length(64)
    out.add_embedding_length(8)
    out.add_block_count(1)
    out.add_feed_forward_length(16)
    out.add_head_count(2)
    out.add_head_count_kv(2)
    out.add_layer_norm_rms_eps(1e-5)
    for name, value in about.items():
        key = "tokenizer.chat_template" if name == "chat_template" else f"tokenizer.ggml.{name}"
        if isinstance(value, bool):
            out.add_bool(key, value)
        elif isinstance(value, int):
            out.add_uint32(key, value)
        elif isinstance(value, str):
            out.add_string(key, value)
        else:
            out.add_array(key, value)
    for name, array in tensors:
        out.add_tensor(name, array)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def byte_level(pre):
    vocab, merges = byte_bpe(["<|endoftext|>"])
    tokens = [*vocab, "<|im_start|>", "<|im_end|>", "<think>"]
    types = [3, *[1] * (len(vocab) - 1), 3, 3, 4]
    about = {"model": "gpt2", "pre": pre, "tokens": tokens, "merges": merges, "token_type": types}
    return about | {"bos_token_id": 0, "eos_token_id": len(vocab) + 1, "padding_token_id": 0, "add_bos_token": False}


def llama(**more):
    first = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    vocab, _ = bpe(first, [f"▁{word}" for word in WORDS if word.isascii()], [*map(chr, range(33, 127)), "▁", "▁▁"])
    types = [2, 3, 3, *[6] * 256, *[1] * (len(vocab) - 259)]
    about = {
        "model": "llama",
        "tokens": list(vocab),
        "scores": [-float(i) for i in range(len(vocab))],
        "token_type": types,
    }
    return about | {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0} | more


def gemma():
    about = llama()
    about["tokens"] = [*about["tokens"][:-1], "  "]
    about["tokens"][:3] = ["<pad>", "<eos>", "<bos>"]
    about["tokens"][3] = "<unk>"
    about["tokens"][4] = "<mask>"
    return about | {
        "bos_token_id": 2,
        "eos_token_id": 1,
        "padding_token_id": 0,
        "unknown_token_id": 3,
        "add_bos_token": True,
    }


def t5():
    pieces = [
        "<pad>",
        "</s>",
        "<unk>",
        *(f"▁{word}" for word in WORDS if word.isascii()),
        *map(chr, range(33, 127)),
        "▁",
    ]
    tokens = [*pieces, *(f"[PAD{i}]" for i in range(110))]
    scores = [0.0, 0.0, 0.0, *(-float(i) / 7 for i in range(len(pieces) - 3)), *[-1000.0] * 110]
    about = {"model": "t5", "tokens": tokens, "scores": scores, "token_type": [3, 3, 2, *[1] * (len(tokens) - 3)]}
    return about | {"eos_token_id": 1, "padding_token_id": 0, "unknown_token_id": 2}


FILES = {
    "gpt2": ("llama", byte_level("gpt-2")),
    "smollm": ("llama", byte_level("smollm")),
    "llama3": ("llama", byte_level("llama-bpe") | {"add_bos_token": True, "chat_template": "{{ messages }}"}),
    "qwen2": ("llama", byte_level("qwen2")),
    "tekken": ("llama", byte_level("tekken")),
    "gpt-4o": ("llama", byte_level("gpt-4o")),
    "llama": ("llama", llama()),
    "llama eos": ("llama", llama(add_bos_token=False, add_eos_token=True)),
    "phi3": ("phi3", llama()),
    "gemma2": ("gemma2", gemma()),
    "t5": ("llama", t5()),
}


@pytest.mark.reference
@pytest.mark.parametrize("name", list(FILES))
def test_the_tokenizer_is_the_references(name, tmp_path):
    """By the reference's own converter: which class it takes follows from a model that is not in these files."""
    transformers = pytest.importorskip("transformers")
    architecture, about = FILES[name]
    write(tmp_path / "m.gguf", architecture, **about)
    theirs = transformers.PreTrainedTokenizerFast(name_or_path=str(tmp_path), gguf_file="m.gguf")
    ours = AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")

    a, b = described(ours), described(theirs)
    more = {token["content"] for token in b["added_tokens"]} - {token["content"] for token in a["added_tokens"]}
    assert more <= {"<mask>", "<|endoftext|>", *(f"<extra_id_{i}>" for i in range(100))}, more
    for part in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        assert a[part] == b[part], part
    for key in b["model"]:
        if not (key == "vocab" and about["model"] == "t5"):
            assert a["model"][key] == b["model"][key], key
    for text in TEXTS:
        encoded = ours(text, return_offsets_mapping=True)
        assert dict(encoded) == dict(theirs(text, return_offsets_mapping=True)), text
        assert ours.decode(encoded["input_ids"]) == theirs.decode(encoded["input_ids"])
    for token in ("bos_token", "eos_token", "unk_token", "pad_token", "chat_template"):
        assert getattr(ours, token) == getattr(theirs, token), token


def test_bert_in_llama_cpps_spelling(tmp_path):
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁the", "▁hot", "s", "▁water"]
    about = {"model": "bert", "tokens": tokens, "token_type": [3, 2, 3, 3, 3, 1, 1, 1, 1], "scores": [0.0] * 9}
    about |= {
        "cls_token_id": 2,
        "seperator_token_id": 3,
        "padding_token_id": 0,
        "unknown_token_id": 1,
        "mask_token_id": 4,
    }
    write(tmp_path / "m.gguf", "bert", **about)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")

    assert tokenizer("The hots")["input_ids"] == [2, 5, 6, 7, 3]
    assert tokenizer.decode([2, 5, 6, 7, 3], skip_special_tokens=True) == "the hots"


def test_a_tokenizer_is_saved_as_every_other(tmp_path):
    write(tmp_path / "m.gguf", **byte_level("qwen2"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")
    tokenizer.save_pretrained(tmp_path / "again")

    again = AutoTokenizer.from_pretrained(tmp_path / "again")
    assert [again(text).data for text in TEXTS] == [tokenizer(text).data for text in TEXTS]


def test_no_such_file(tmp_path):
    write(tmp_path / "m.gguf", **byte_level("qwen2"))
    with pytest.raises(OSError, match=r"(?s)no file 'x.gguf'.*'m.gguf'"):
        AutoTokenizer.from_pretrained(tmp_path, gguf_file="x.gguf")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({}, "of the kind None; expected 'llama'"),
        ({"model": "rwkv"}, "of the kind 'rwkv'"),
        ({"model": "gpt2"}, "it lacks 'tokens'"),
        ({"model": "gpt2", "tokens": ["a"], "token_type": [1, 1]}, "token_type has 2 values for 1 tokens"),
        ({"model": "gpt2", "tokens": ["a"], "merges": [], "bos_token_id": 7}, "bos_token_id is 7"),
    ],
)
def test_a_file_without_a_tokenizer_is_refused(about, said, tmp_path):
    empty = {key: value for key, value in about.items() if value != []}
    write(tmp_path / "m.gguf", **empty)
    with pytest.raises(ValueError, match=said):
        AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")


def test_metadata_and_tensors_are_read_as_the_reference_reads_them(tmp_path):
    import numpy as np

    tensors = [("a.weight", np.arange(12, dtype=np.float32).reshape(3, 4)), ("b", np.ones(5, dtype=np.float16))]
    path = write(tmp_path / "m.gguf", tensors=tensors, **llama())
    theirs = writer.GGUFReader(str(path))
    with GGUF(path) as ours:
        assert ours.architecture == "llama"
        assert set(ours.metadata) == {key for key in theirs.fields if not key.startswith("GGUF.")}
        for key, value in ours.metadata.items():
            assert value == theirs.fields[key].contents(), key
        for tensor in theirs.tensors:
            mine = ours.tensors[tensor.name]
            assert mine.shape == tuple(reversed(tensor.shape.tolist()))
            assert (mine.type, mine.start, mine.size_bytes) == (
                tensor.tensor_type.name,
                tensor.data_offset,
                tensor.n_bytes,
            )
        assert bytes(ours.data("a.weight")) == tensors[0][1].tobytes()
        with pytest.raises(KeyError):
            ours.data("none")


def test_block_sizes_are_the_references():
    from bearhug.checkpoints.gguf.file import TYPES

    for number, (name, values, size) in TYPES.items():
        kind = writer.GGMLQuantizationType(number)
        assert (kind.name, writer.GGML_QUANT_SIZES[kind]) == (name, (values, size))


def small():
    """A header, one number, one text, one list, one tensor."""

    def text(value):
        return struct.pack("<Q", len(value)) + value

    data = (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 3) + text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    )
    data += text(b"n") + struct.pack("<Ii", 5, 7) + text(b"l") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b")
    data += text(b"t") + struct.pack("<IQIQ", 1, 4, 0, 0)
    return data + b"\0" * (-len(data) % 32) + b"\0" * 16


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d[:10], "it has 10 bytes"),
        (lambda d: b"GGML" + d[4:], "it begins with b'GGML'"),
        (lambda d: d[:4] + b"\x09" + d[5:], "it is of version 9"),
        (lambda d: d[:8] + b"\xff" * 8 + d[16:], "more than it has room for"),
        (lambda d: d[:16] + b"\xff" * 8 + d[24:], "more than it has room for"),
        (lambda d: d[:24] + b"\xff" * 8 + d[32:], "are left"),
        (lambda d: d[:-16], "ends at byte"),
        (lambda d: d.replace(b"llama", b"\xff\xff\xff\xff\xff"), "is no UTF-8"),
    ],
)
def test_a_hostile_file_is_refused(change, said, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(change(small()))
    with pytest.raises(ValueError, match=said):
        GGUF(path)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(small()) - 1), st.integers(0, 255)), max_size=4), st.integers(0, 64))
def test_changed_bytes_are_read_or_refused(tmp_path_factory, changes, cut):
    data = bytearray(small())
    for place, byte in changes:
        data[place] = byte
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(bytes(data[: len(data) - cut]))
    try:
        GGUF(path).close()
    except ValueError:
        return
