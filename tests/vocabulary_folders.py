"""Folders with vocabulary files of every kind, and no tokenizer.json.

byte_level(tmp_path / "gpt2")
"""

import base64
import json
import shutil

from bearhug.tokenizers import patterns, sentencepiece
from tokenizer_folders import WORDS, bert, byte_bpe, write

TOKENS = "<s> <pad> </s> <unk> <mask> [PAD] [UNK] [CLS] [SEP] [MASK] <|endoftext|> <|startoftext|> <|padding|>".split()
TOKENS += "<UNK> <BOS_TOKEN> <|END_OF_TURN_TOKEN|> <PAD> <CLS> <SEP> <MASK_TOKEN> <sep> <cls> [QUESTION]".split()


def byte_level(folder, config=None):
    vocab, merges = byte_bpe(TOKENS)
    return write(
        folder,
        vocab__json=vocab,
        merges__txt="#version: 0.2\n" + "\n".join(merges),
        tokenizer_config__json=config or {},
    )


def suffixed(folder, config=None):
    """BPE whose last piece of a word ends in </w>."""
    letters = [chr(c) for c in range(33, 127)]
    vocab = {token: i for i, token in enumerate([*TOKENS, *letters, *(f"{c}</w>" for c in letters)])}
    merges = []
    for word in WORDS:
        if word.isascii():
            for end in range(2, len(word) + 1):
                whole = word[:end] + ("</w>" if end == len(word) else "")
                if whole not in vocab:
                    vocab[whole] = len(vocab)
                    merges.append(f"{word[: end - 1]} {word[end - 1]}{'</w>' if end == len(word) else ''}")
    return write(
        folder,
        vocab__json=vocab,
        merges__txt="#version: 0.2\n" + "\n".join(merges),
        tokenizer_config__json=config or {},
    )


def wordpiece(folder, config=None):
    bert(folder)
    words = "\n".join([*TOKENS, *(folder / "vocab.txt").read_text().split("\n")[5:]])
    (folder / "config.json").unlink()
    return write(folder, vocab__txt=words, tokenizer_config__json=config or {})


def ctc(folder, **config):
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ", "é", "CH"]
    return write(folder, vocab__json={t: i for i, t in enumerate(letters)}, tokenizer_config__json=config)


def marian(folder, models, separate=False):
    pieces = [piece for name in ("unigram", "nmt") for piece, _ in sentencepiece.read(models[name]).pieces]
    tokens = list(dict.fromkeys(["</s>", "<unk>", *pieces, ">>fra<<", ">>deu<<", "<pad>"]))
    vocab = {token: id for id, token in enumerate(tokens)}
    write(folder, vocab__json=vocab, tokenizer_config__json={"separate_vocabs": separate, "source_lang": "en"})
    if separate:
        write(folder, target_vocab__json={token: id for id, token in enumerate(reversed(tokens))})
    shutil.copy(models["unigram"], folder / "source.spm")
    shutil.copy(models["nmt"], folder / "target.spm")
    return folder


def model_and_vocabulary(folder, models, **config):
    pieces = [piece for piece, _ in sentencepiece.read(models["unigram"]).pieces]
    tokens = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>", *pieces])
    write(folder, vocab__json={token: id for id, token in enumerate(tokens)}, tokenizer_config__json=config)
    shutil.copy(models["unigram"], folder / "sentencepiece.bpe.model")
    return folder


def word_bpe(folder, marked, suffix=False, counted=False, first=(), **config):
    """Merges that grow each word from the left; pieces as the class writes them."""
    letters = [chr(c) for c in range(33, 127)]
    merges, pieces = [], dict.fromkeys(letters)
    for word in filter(str.isascii, WORDS):
        for end in range(2, len(word) + 1):
            last = end == len(word)
            merges.append((word[: end - 1], word[end - 1] + ("</w>" if last else "")))
            pieces[word[:end]] = None
    merges = list(dict.fromkeys(merges))
    vocab = dict.fromkeys(first)
    for piece in pieces:
        vocab |= dict.fromkeys([piece, f"{piece}</w>"] if suffix else [piece, f"{piece}@@"])
    lines = [" ".join(merge) + (" 1" if counted else "") for merge in merges]
    if counted:
        write(folder, vocab__txt="".join(f"{word} 1\n" for word in vocab), tokenizer_config__json=config)
        (folder / "bpe.codes").write_text("\n".join(lines) + "\n")
        return folder
    head = ["#version: 0.2"] if marked else []
    numbered = {token: id for id, token in enumerate(vocab)}
    return write(
        folder, vocab__json=numbered, merges__txt="\n".join([*head, *lines]) + "\n", tokenizer_config__json=config or {}
    )


BLENDERBOT_SMALL = ("__null__", "__start__", "__end__", "__unk__", "__newln__")
WORD_BPES = {
    "CTRLTokenizer": lambda folder: word_bpe(folder, True, first=("<unk>",)),
    "BlenderbotSmallTokenizer": lambda folder: word_bpe(folder, True, first=BLENDERBOT_SMALL),
    "PhobertTokenizer": lambda folder: word_bpe(folder, False, counted=True),
    "BertweetTokenizer": lambda folder: word_bpe(folder, False, counted=True),
    "BioGptTokenizer": lambda folder: word_bpe(folder, False, suffix=True, first=("<s>", "<pad>", "</s>", "<unk>")),
}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[X_SEP]"]
PIECES += [w for word in filter(str.isascii, WORDS) for w in (word.lower(), f"##{word.lower()}")]
PIECES += [c for code in range(33, 127) for c in (chr(code), f"##{chr(code)}")] + [
    *"日本語のテキスト猫は",
    "##本",
    "##語",
]


def pieces_in_lines(folder, filename, **config):
    write(folder, tokenizer_config__json=config)
    (folder / filename).write_text("".join(f"{piece}\n" for piece in dict.fromkeys(PIECES)), encoding="utf-8")
    return folder


def ranks():
    found = {bytes([b]): b for b in range(256)}
    for word in WORDS:
        for whole in (f" {word}".encode(), word.encode()):
            for end in range(2, len(whole) + 1):
                found.setdefault(whole[:end], len(found))
    return found


def tiktoken_file(path):
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks().items()))
    return path


def tekken_json(path, named=True, **config):
    tokens = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<pad>"]
    content = {
        "config": {"pattern": patterns.LLAMA3, "num_vocab_tokens": len(ranks()), "version": "v3"} | config,
        "vocab": [
            {"rank": r, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for t, r in ranks().items()
        ],
    }
    if named:
        content["special_tokens"] = [{"rank": i, "token_str": t, "is_control": True} for i, t in enumerate(tokens)]
    path.write_text(json.dumps(content))
    return path
