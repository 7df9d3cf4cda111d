"""Two tokenizers, ours and the reference's, are made of the same parts and give the same."""

import json

from bearhug.tokenizers import file

ATTRIBUTES = ("model_input_names", "padding_side", "special_tokens_map", "all_special_ids", "extra_special_tokens")
ATTRIBUTES += ("model_max_length", "clean_up_tokenization_spaces", "vocab_size")


def described(tokenizer) -> dict:
    """What a tokenizer is made of, in one spelling."""
    core = tokenizer.backend_tokenizer
    made = json.loads(core.to_str()) if hasattr(core, "to_str") else json.loads(json.dumps(file.describe(core)))
    if made["model"]["type"] == "Unigram":
        made["model"]["vocab"] = [[piece, round(score, 9)] for piece, score in made["model"]["vocab"]]
    if made["model"]["type"] == "BPE":
        made["model"]["merges"] = [m.split(" ") if isinstance(m, str) else m for m in made["model"]["merges"]]
    return {key: part for key, part in made.items() if key not in ("truncation", "padding", "version")}


def assert_same(ours, theirs, texts, parts=True, offsets=True) -> None:
    """Parts, attributes, encodings of texts and pairs, and what is decoded from them."""
    if parts:
        a, b = described(ours), described(theirs)
        for part in b:
            assert a[part] == b[part], part
    for name in ATTRIBUTES:
        assert getattr(ours, name) == getattr(theirs, name), name
    more = {"return_offsets_mapping": True} if offsets else {}
    for text in texts:
        for pair in (None, "what a pair"):
            encoded = ours(text, pair, **more)
            assert dict(encoded) == dict(theirs(text, pair, **more)), text
            for skip in (False, True):
                ids = encoded["input_ids"]
                assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(ids, skip_special_tokens=skip), text
