"""SentencePiece's `.model`: the message, the merges it implies, and the tokenizer that each class makes of it."""

import json
import shutil
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearhug.tokenizers import sentencepiece
from bearhug.tokenizers.auto import tokenizer_class
from tokenizer_sameness import assert_same

TEXTS = ["Hello world, this is (a) test.", "  two  blanks", "", " ", "1,000 ``quoted''", "the <unk> hot", "日本 Ünï x"]
TEXTS += ["</s> <s>special<mask> [MASK] <pad><extra_id_0> x", "ＦＵＬＬ ﬁ ½ ㌔ é e\u0301\u200b\t①"]

# class, its file, the model, tokenizer_config.json
CASES = [
    ("T5Tokenizer", "spiece.model", "t5", {}),
    ("T5Tokenizer", "spiece.model", "t5", {"extra_ids": 7}),
    ("VideoPrismTokenizer", "spiece.model", "t5", {}),
    ("LasrTokenizer", "spiece.model", "t5", {}),
    ("LlamaTokenizer", "tokenizer.model", "llama", {}),
    ("LlamaTokenizer", "tokenizer.model", "llama", {"add_bos_token": True, "legacy": True}),
    (
        "LlamaTokenizer",
        "tokenizer.model",
        "llama",
        {"add_bos_token": True, "add_eos_token": True, "add_prefix_space": False},
    ),
    ("CodeLlamaTokenizer", "tokenizer.model", "llama", {}),
    ("GemmaTokenizer", "tokenizer.model", "gemma", {"add_bos_token": True}),
    ("Siglip2Tokenizer", "tokenizer.model", "gemma", {}),
    ("Tipsv2Tokenizer", "tokenizer.model", "llama", {}),
    ("XLMRobertaTokenizer", "sentencepiece.bpe.model", "unigram", {}),
    ("XLMRobertaTokenizer", "sentencepiece.bpe.model", "unigram", {"add_prefix_space": False}),
    ("CamembertTokenizer", "sentencepiece.bpe.model", "unigram", {}),
    ("AlbertTokenizer", "spiece.model", "albert", {}),
    ("AlbertTokenizer", "spiece.model", "albert", {"do_lower_case": False, "keep_accents": True}),
    ("XLNetTokenizer", "spiece.model", "xlnet", {}),
    ("XLNetTokenizer", "spiece.model", "xlnet", {"do_lower_case": True}),
    ("MBartTokenizer", "sentencepiece.bpe.model", "unigram", {}),
    ("MBartTokenizer", "sentencepiece.bpe.model", "unigram", {"src_lang": "de_DE", "tgt_lang": "fr_XX"}),
    ("MBart50Tokenizer", "sentencepiece.bpe.model", "unigram", {"src_lang": "fr_XX"}),
    ("NllbTokenizer", "sentencepiece.bpe.model", "bpe", {}),
    ("NllbTokenizer", "sentencepiece.bpe.model", "bpe", {"legacy_behaviour": True, "src_lang": "deu_Latn"}),
    ("SeamlessM4TTokenizer", "sentencepiece.bpe.model", "bpe", {}),
    ("BarthezTokenizer", "sentencepiece.bpe.model", "unigram", {}),
    ("BigBirdTokenizer", "spiece.model", "albert", {}),
    ("DebertaV2Tokenizer", "spm.model", "albert", {}),
    ("DebertaV2Tokenizer", "spm.model", "albert", {"do_lower_case": True, "split_by_punct": True}),
    ("PegasusTokenizer", "spiece.model", "t5", {}),
    ("ReformerTokenizer", "spiece.model", "bpe", {}),
    ("XGLMTokenizer", "tokenizer.model", "unigram", {}),
    ("PreTrainedTokenizerFast", "tokenizer.model", "llama", {}),
    ("PreTrainedTokenizerFast", "tokenizer.model", "unigram", {}),
    ("T5Tokenizer", "spiece.model", "nmt", {}),  # these have a table of normalizations
    ("XLMRobertaTokenizer", "sentencepiece.bpe.model", "nmt", {}),
    ("CamembertTokenizer", "sentencepiece.bpe.model", "nmt", {}),
    ("XLNetTokenizer", "spiece.model", "nmt", {}),
    ("MBartTokenizer", "sentencepiece.bpe.model", "nmt", {}),
    ("NllbTokenizer", "sentencepiece.bpe.model", "nmt", {}),
    ("DebertaV2Tokenizer", "spm.model", "nmt", {}),
    ("XGLMTokenizer", "tokenizer.model", "nmt", {}),
]


@pytest.mark.reference
@pytest.mark.parametrize(("name", "filename", "model", "config"), CASES, ids=str)
def test_each_class_makes_of_a_model_what_the_reference_makes(name, filename, model, config, models, tmp_path):
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    shutil.copy(models[model], tmp_path / filename)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": name}))
    theirs = tokenizer_class_from_name(name).from_pretrained(tmp_path)
    ours = tokenizer_class(name).from_pretrained(tmp_path)

    assert_same(ours, theirs, TEXTS)
    ours.save_pretrained(tmp_path / "again")
    again = tokenizer_class(name).from_pretrained(tmp_path / "again")
    for text in TEXTS:
        assert again(text).data == ours(text).data
    assert again.special_tokens_map == ours.special_tokens_map
    their_own = tokenizer_class_from_name(name).from_pretrained(tmp_path / "again")
    assert [their_own(text)["input_ids"] for text in TEXTS] == [ours(text)["input_ids"] for text in TEXTS]


@pytest.mark.reference
def test_languages_are_set_as_in_the_reference(models, tmp_path):
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    shutil.copy(models["unigram"], tmp_path / "sentencepiece.bpe.model")
    for name in ("MBartTokenizer", "MBart50Tokenizer"):
        ours = tokenizer_class(name).from_pretrained(tmp_path, src_lang="en_XX", tgt_lang="ro_RO")
        theirs = tokenizer_class_from_name(name).from_pretrained(tmp_path, src_lang="en_XX", tgt_lang="ro_RO")
        assert dict(ours("the hot", text_target="water")) == dict(theirs("the hot", text_target="water"))
        for tokenizer in (ours, theirs):
            tokenizer.src_lang = "de_DE"
        assert dict(ours("the hot")) == dict(theirs("the hot"))
        assert ours.lang_code_to_id == theirs.lang_code_to_id
        assert ours.fairseq_tokens_to_ids == theirs.fairseq_tokens_to_ids
        built = [t._build_translation_inputs("the", None, src_lang="fr_XX", tgt_lang="es_XX") for t in (ours, theirs)]
        assert dict(built[0]) == dict(built[1])
        with ours.as_target_tokenizer():
            assert ours("water")["input_ids"] == theirs(text_target="water")["input_ids"]
        assert ours("water")["input_ids"] != theirs(text_target="water")["input_ids"]


@pytest.mark.reference
def test_code_llama_fills_a_gap(models, tmp_path):
    import transformers

    shutil.copy(models["llama"], tmp_path / "tokenizer.model")
    ours = tokenizer_class("CodeLlamaTokenizer").from_pretrained(tmp_path)
    theirs = transformers.CodeLlamaTokenizer.from_pretrained(tmp_path)
    for call in (("the <FILL_ME> water",), ("the", "water"), ("what some",)):
        suffix = {"suffix": call[1]} if len(call) == 2 else {}
        for more in ({}, {"suffix_first": True}) if suffix else ({},):
            assert dict(ours(call[0], **suffix, **more)) == dict(theirs(call[0], **suffix, **more))
    assert ours("what some")["input_ids"] == theirs("what some")["input_ids"]
    assert ours.tokenize("the <FILL_ME> water")[:2] == ["▁<PRE>", "▁the"]  # the reference forgets the marks here
    with pytest.raises(ValueError, match="one gap"):
        ours("a <FILL_ME> b <FILL_ME>")


@pytest.mark.reference
def test_real_models_are_read_as_the_library_reads_them(shared):
    spm = pytest.importorskip("sentencepiece")
    files = ["mistral-v1/tokenizer.model", "spm-unigram-1k/test_model.model", "spm-unigram-ja/test_ja_model.model"]
    for filename in files:
        path = shared / "vocab" / filename
        model, theirs = sentencepiece.read(path), spm.SentencePieceProcessor(model_file=str(path))
        assert [piece for piece, _ in model.pieces] == [theirs.IdToPiece(i) for i in range(len(theirs))]
        assert [score for _, score in model.pieces] == [theirs.GetScore(i) for i in range(len(theirs))]
        assert (model.unk_id, model.bos_id, model.eos_id, model.pad_id) == (
            theirs.unk_id(),
            theirs.bos_id(),
            theirs.eos_id(),
            theirs.pad_id(),
        )
        kinds = zip(model.types, range(len(theirs)), strict=True)
        assert all((kind == sentencepiece.CONTROL) == theirs.IsControl(i) for kind, i in kinds)


@pytest.mark.reference
def test_mistral_v1_gives_sentencepieces_ids(shared):
    """Llama's class on the real file: the ids of the original engine, which transformers 5 misses in "a  b"."""
    spm = pytest.importorskip("sentencepiece")
    path = shared / "vocab" / "mistral-v1" / "tokenizer.model"
    ours = tokenizer_class("LlamaTokenizer")(vocab_file=path)
    theirs = spm.SentencePieceProcessor(model_file=str(path))
    lines = (shared / "text" / "tiny_shakespeare.txt").read_text(encoding="utf-8").split("\n")[:400]
    for line in [*lines, "日本語 Ünïcödé ½ 😀", "x\ty", "a  b"]:
        if line:
            assert ours(line, add_special_tokens=False)["input_ids"] == theirs.encode(line), line
    assert ours.vocab_file == str(path)


def test_a_class_is_made_from_a_model_file(models):
    tokenizer = tokenizer_class("T5Tokenizer")(models["t5"])

    assert tokenizer.decode(tokenizer("the hot water")["input_ids"]) == "the hot water</s>"
    assert tokenizer.get_sentinel_tokens()[:2] == ["<extra_id_0>", "<extra_id_1>"]
    assert (
        tokenizer.get_sentinel_token_ids()[0] == tokenizer.convert_tokens_to_ids("<extra_id_0>") == len(tokenizer) - 1
    )


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 100, 1000])
def test_a_model_cut_short_is_refused(cut, models, tmp_path):
    data = models["unigram"].read_bytes()
    (tmp_path / "spiece.model").write_bytes(data[:cut])

    with pytest.raises(ValueError, match=r"spiece.model.* (is no SentencePiece model|must be a token in base64)"):
        tokenizer_class("T5Tokenizer")(tmp_path / "spiece.model")


def field(number: int, data: bytes) -> bytes:
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"", "holds no pieces"),
        (field(1, field(1, b"\xff")), "is no UTF-8"),
        (field(1, field(1, b"a") + b"\x15" + struct.pack("<f", float("nan"))), "is no number"),
        (b"\x08\x01", "a piece is a number"),
        (b"\x0a\xff\xff\xff\xff\x7f", "bytes, and 0 are left"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "is too long"),
        (b"\x0f", "begins no field"),
        (b"\x00\x01", "begins no field"),
        (field(1, field(1, b"a")) + field(2, b"\xc0\x02\x07"), "its unknown piece is number 7 of 1"),
    ],
)
def test_a_hostile_message_is_refused(message, said):
    with pytest.raises(ValueError, match=said):
        sentencepiece.parse(message)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_read_or_refused(data):
    """A model with bytes changed: a model, or a ValueError."""
    pieces = b"".join(field(1, field(1, piece.encode()) + b"\x15\x00\x00\x80\xbf") for piece in ("<unk>", "a", "▁b"))
    message = bytearray(pieces + field(2, b"\x18\x01\xc0\x02\x00") + field(3, field(2, b"abc")))
    for _ in range(data.draw(st.integers(0, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        model = sentencepiece.parse(bytes(message))
    except ValueError:
        return
    assert len(model.pieces) == len(model.types) >= 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_read_or_refused(noise):
    try:
        sentencepiece.parse(noise)
    except ValueError:
        return


@pytest.mark.reference
@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, unique=True), st.booleans())
def test_merges_are_the_references(words, scored):
    from transformers.tokenization_utils_base import generate_merges

    vocab = {word: id for id, word in enumerate(words)}
    scores = {word: -float(id % 5) for id, word in enumerate(words)} if scored else None
    skip = set(words[:1])

    assert sentencepiece.merges_of(vocab, scores, skip) == generate_merges(vocab, scores, skip)
