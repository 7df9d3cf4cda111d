"""Small tokenizer folders of every make, written by hand.

folder = MAKES["llama3"](tmp_path / "llama3")
"""

import json
from pathlib import Path

WORDS = (
    "the of and to in a is that it was for on are as with his they at be this have from or had by hot word but what "
    "some we can out other were all there when up use your how said an each she which do their time if will way about "
    "many then them write would like so these her long make thing see him two has look more day could go come did "
    "number sound no most people my over know water than call first who may down side been now find Hello world lo ll "
    "ing ed er ion é ñ"
).split()
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] | trim }}<|eot_id|>{% endgeneration %}"
    "{% else %}{{ m['content'] | trim + '<|eot_id|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
LLAMA2 = (
    "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}"
    "{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def byte_alphabet() -> list[str]:
    """The 256 characters that stand for bytes, in GPT-2's order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def as_bytes(word: str) -> str:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    table = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}
    return "".join(table[b] for b in word.encode())


def bpe(first: list[str], pieces: list[str], alphabet: list[str]) -> tuple[dict[str, int], list[str]]:
    """A vocabulary and merges in which each piece is grown letter by letter."""
    vocab = {token: i for i, token in enumerate([*first, *alphabet])}
    merges = []
    for piece in pieces:
        for end in range(2, len(piece) + 1):
            if piece[:end] not in vocab:
                vocab[piece[:end]] = len(vocab)
                merges.append(f"{piece[: end - 1]} {piece[end - 1]}")
    return vocab, merges


def byte_bpe(first: list[str] = ()) -> tuple[dict[str, int], list[str]]:
    return bpe(list(first), [as_bytes(form) for word in WORDS for form in (f" {word}", word)], byte_alphabet())


def added(id: int, text: str, **flags) -> dict:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": text, **plain, **flags}


def description(vocab, merges, tokens, **parts) -> dict:
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None}
    model |= {"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    model |= parts.pop("model", {}) | {"vocab": vocab, "merges": merges}
    plain = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": None}
    return {**plain, "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts, "model": model}


def write(folder: Path, **files) -> Path:
    """Files by name, `__` for the dot; dicts as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def gpt2(folder: Path) -> Path:
    """vocab.json and merges.txt alone, as in 2019."""
    vocab, merges = byte_bpe()
    vocab["<|endoftext|>"] = len(vocab)
    return write(
        folder,
        vocab__json=vocab,
        merges__txt="#version: 0.2\n" + "\n".join(merges) + "\n",
        config__json={"model_type": "gpt2"},
        tokenizer_config__json={"model_max_length": 64},
    )


def roberta(folder: Path) -> Path:
    first = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab, merges = byte_bpe(first)
    vocab["<mask>"] = len(vocab)
    tokens = [added(i, token) for i, token in enumerate(first)] + [added(vocab["<mask>"], "<mask>", lstrip=True)]
    processor = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}
    processor |= {"trim_offsets": True, "add_prefix_space": False}
    parts = {"pre_tokenizer": BYTE_LEVEL, "decoder": BYTE_LEVEL, "post_processor": processor}
    config = {
        "tokenizer_class": "RobertaTokenizer",
        "model_max_length": 40,
        "add_prefix_space": False,
        "trim_offsets": True,
    }
    names = {"bos": "<s>", "eos": "</s>", "sep": "</s>", "cls": "<s>", "unk": "<unk>", "pad": "<pad>"}
    config |= {f"{name}_token": token for name, token in names.items()}
    config["mask_token"] = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False}
    config["mask_token"] |= {"single_word": False, "normalized": False}
    return write(
        folder,
        tokenizer__json=description(vocab, merges, tokens, **parts),
        tokenizer_config__json=config,
        config__json={"model_type": "roberta"},
    )


def llama3(folder: Path) -> Path:
    vocab, merges = byte_bpe()
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokens = [added(len(vocab) + i, name) for i, name in enumerate(names)]
    bos = tokens[0]["id"]
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": names[0], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"SpecialToken": {"id": names[0], "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": names[0], "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {names[0]: {"id": names[0], "ids": [bos], "tokens": [names[0]]}},
    }
    split = {"type": "Split", "pattern": {"Regex": LLAMA3_SPLIT}, "behavior": "Isolated", "invert": False}
    pre = {"type": "Sequence", "pretokenizers": [split, BYTE_LEVEL | {"use_regex": False}]}
    post = {"type": "Sequence", "processors": [BYTE_LEVEL | {"trim_offsets": False}, template]}
    parts = {"pre_tokenizer": pre, "decoder": BYTE_LEVEL, "post_processor": post, "model": {"ignore_merges": True}}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": names[0],
        "eos_token": names[4],
        "model_max_length": 96,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": True,
        "chat_template": LLAMA3,
        "added_tokens_decoder": {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in tokens},
    }
    return write(
        folder,
        tokenizer__json=description(vocab, merges, tokens, **parts),
        tokenizer_config__json=config,
        config__json={"model_type": "llama"},
    )


def qwen2(folder: Path) -> Path:
    vocab, merges = byte_bpe()
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [added(len(vocab) + i, name) for i, name in enumerate(names)]
    tokens.append(added(len(vocab) + 3, "<think>", special=False))
    split = {
        "type": "Split",
        "pattern": {"Regex": LLAMA3_SPLIT.replace("{1,3}", "")},
        "behavior": "Isolated",
        "invert": False,
    }
    pre = {"type": "Sequence", "pretokenizers": [split, BYTE_LEVEL | {"use_regex": False}]}
    parts = {"normalizer": {"type": "NFC"}, "pre_tokenizer": pre, "decoder": BYTE_LEVEL, "post_processor": BYTE_LEVEL}
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_prefix_space": False,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "errors": "replace",
        "split_special_tokens": False,
        "model_max_length": 96,
        "chat_template": CHATML,
        "added_tokens_decoder": {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in tokens},
    }
    return write(
        folder,
        tokenizer__json=description(vocab, merges, tokens, **parts),
        tokenizer_config__json=config,
        config__json={"model_type": "qwen2"},
    )


def llama2(folder: Path) -> Path:
    """SentencePiece's way as BPE, with byte fallback; the class makes its parts anew."""
    first = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    letters = [chr(c) for c in range(33, 127)] + ["▁"]
    vocab, merges = bpe(first, [f"▁{word}" for word in WORDS if word.isascii()], letters)
    tokens = [added(i, token) for i, token in enumerate(first[:3])]
    prepend = {"type": "Prepend", "prepend": "▁"}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<s>", "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    decoder = {"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, strip]}
    parts = {"normalizer": {"type": "Sequence", "normalizers": [prepend, replace]}, "decoder": decoder}
    parts |= {"post_processor": template}
    parts["model"] = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    config = {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "add_eos_token": False}
    bos = {"__type": "AddedToken", "content": "<s>", "lstrip": False, "normalized": True, "rstrip": False}
    config |= {"bos_token": bos | {"single_word": False}, "model_max_length": 48}
    config["chat_template"] = [{"name": "default", "template": LLAMA2}, {"name": "tool_use", "template": CHATML}]
    marks = {"bos_token": added(0, "<s>"), "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    marks["bos_token"].pop("id")
    return write(
        folder,
        tokenizer__json=description(vocab, merges, tokens, **parts),
        tokenizer_config__json=config,
        special_tokens_map__json=marks,
        config__json={"model_type": "llama"},
    )


def bert(folder: Path) -> Path:
    """vocab.txt alone, cased or not by its config."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces += [w for word in WORDS for w in (word.lower(), f"##{word.lower()}")]
    pieces += [c for code in range(33, 127) for c in (chr(code).lower(), f"##{chr(code).lower()}")]
    return write(
        folder,
        vocab__txt="".join(f"{piece}\n" for piece in dict.fromkeys(pieces)),
        tokenizer_config__json={"do_lower_case": True, "model_max_length": 32},
        config__json={"model_type": "bert"},
    )


MAKES = {make.__name__: make for make in (gpt2, roberta, llama3, qwen2, llama2, bert)}
