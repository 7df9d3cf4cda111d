"""Classes upon a SentencePiece model of their own: Marian, M2M-100, SigLIP and others; and the engine itself."""

import json
import random
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearhug import AutoTokenizer
from bearhug.tokenizers import sentencepiece
from bearhug.tokenizers.auto import tokenizer_class
from bearhug.tokenizers.unusual import engine, spoken_numbers
from python_tokenizer_sameness import assert_kept, assert_same, find
from sentencepiece_models import LINES, MODELS
from tokenizer_folders import write
from vocabulary_folders import marian, model_and_vocabulary

REFERENCE = pytest.mark.reference
TEXTS = ["Hello world, it's the hot water 1234!", "<s> would</s>  <pad>the <unk>x", " two  blanks\n", "", "A </s>the"]
TEXTS += ["日本語 ﬁ ① ½ ＦＵＬＬ", "▁the▁ hot"]
ODD = [*TEXTS, "  ", " a", "<mask>x<start_of_turn>  ▁▁▁ y", "x\ty\n\nz", "😀😀 a", "<0x41> é<0xE2>", "( a ) [MASK]"]
ODD += ["e\u0301 ㌔ ﷺ \u200b\u00ad x", "ab\u0000cd", "the" * 300]


@REFERENCE
@pytest.mark.parametrize("name", list(MODELS))
def test_the_engine_gives_sentencepieces_pieces(name, models):
    import sentencepiece as spm

    ours, theirs = engine.load(models[name]), spm.SentencePieceProcessor(model_file=str(models[name]))
    assert len(ours) == len(theirs)
    for text in [*LINES[:60], *ODD]:
        assert ours.pieces(text) == theirs.encode(text, out_type=str), text
        assert ours.encode(text) == theirs.encode(text), text
        assert ours.decode(ours.pieces(text)) == theirs.decode(ours.pieces(text)), text
    chance = random.Random(5)
    for _ in range(200):
        pieces = [theirs.IdToPiece(chance.randrange(len(theirs))) for _ in range(chance.randint(0, 8))]
        pieces += chance.choice([[], ["▁"], ["zzé"]])
        assert ours.decode(pieces) == theirs.decode(pieces), pieces


@REFERENCE
def test_the_engine_on_real_models(shared):
    import sentencepiece as spm

    lines = (shared / "text" / "botchan.txt").read_text(encoding="utf-8").split("\n")[:150]
    for name in ("spm-unigram-1k/test_model.model", "spm-unigram-ja/test_ja_model.model", "mistral-v1/tokenizer.model"):
        path = shared / "vocab" / name
        ours, theirs = engine.load(path), spm.SentencePieceProcessor(model_file=str(path))
        for text in [*lines, *ODD, "吾輩は猫である。名前はまだ無い。"]:
            assert ours.pieces(text) == theirs.encode(text, out_type=str), text
            assert ours.decode(ours.pieces(text)) == theirs.decode(ours.pieces(text)), text


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.text(max_size=20))
def test_any_table_of_normalizations_is_used_or_refused(table, text):
    model = sentencepiece.SentencePieceModel([("<unk>", 0.0), ("a", -1.0)], [2, 1], precompiled_charsmap=table)
    try:
        made = engine.Engine(model)
    except ValueError:
        return
    made.pieces(text)


SPM = [
    ("BertGenerationTokenizer", "spiece.model", "nmt", {}),
    ("BertGenerationTokenizer", "spiece.model", "unigram", {"legacy": False}),
    ("GPTSw3Tokenizer", "spiece.model", "llama", {}),
    ("SiglipTokenizer", "spiece.model", "t5", {}),
    ("SiglipTokenizer", "spiece.model", "nmt", {"do_lower_case": False}),
    ("SpeechT5Tokenizer", "spm_char.model", "char", {}),
    ("SpeechT5Tokenizer", "spm_char.model", "char", {"normalize": True}),
    ("PLBartTokenizer", "sentencepiece.bpe.model", "unigram", {}),
    ("PLBartTokenizer", "sentencepiece.bpe.model", "unigram", {"language_codes": "multi", "src_lang": "python"}),
    ("PLBartTokenizer", "sentencepiece.bpe.model", "unigram", {"src_lang": "java", "tgt_lang": "en_XX"}),
]


@REFERENCE
@pytest.mark.filterwarnings("ignore:This sequence already has")  # the reference's
@pytest.mark.parametrize(("name", "filename", "model", "config"), SPM, ids=str)
def test_one_model(name, filename, model, config, models, tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    shutil.copy(models[model], folder / filename)
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": name}))
    ours, theirs = tokenizer_class(name).from_pretrained(folder), find(name).from_pretrained(folder)
    assert_same(ours, theirs, TEXTS)
    assert_kept(ours, theirs, tmp_path, TEXTS)


@REFERENCE
def test_gpt_sw3_cleans_texts(models, tmp_path):
    shutil.copy(models["llama"], tmp_path / "spiece.model")
    ours, theirs = (f("GPTSw3Tokenizer").from_pretrained(tmp_path) for f in (tokenizer_class, find))
    for text in ["a\u00a0b\u2003c\u0000 e\u0301", "<s>the"]:
        assert ours(text).data == dict(theirs(text))
        assert ours.encode_fast(text) == theirs.encode_fast(text)
        assert ours.decode_fast(ours.encode_fast(text)) == theirs.decode_fast(ours.encode_fast(text))
        assert ours.preprocess_text(text) == theirs.preprocess_text(text)


@REFERENCE
def test_numbers_are_written_out():
    from transformers.models.speecht5.number_normalizer import EnglishNumberNormalizer

    theirs, chance = EnglishNumberNormalizer(), random.Random(1)
    for _ in range(2000):
        number = str(chance.choice([chance.randint(0, 120), chance.randint(0, 10 ** chance.randint(1, 20))]))
        number = (
            chance.choice(["", "-", "$", "€", "-£"]) + number + chance.choice(["", ".5", ".05", ".00", "%", ".25%"])
        )
        text = f"a {number} b"
        assert spoken_numbers.spoken(text) == theirs(text), text
    assert spoken_numbers.spoken("15,000 people") == theirs("15,000 people") == "fifteen thousand people"


# -- Marian


@REFERENCE
@pytest.mark.filterwarnings("ignore")  # the reference's own, of a library that it recommends
@pytest.mark.parametrize("separate", [False, True])
def test_marian(separate, models, tmp_path):
    folder = marian(tmp_path / "f", models, separate)
    ours, theirs = (
        tokenizer_class("MarianTokenizer").from_pretrained(folder),
        find("MarianTokenizer").from_pretrained(folder),
    )
    texts = [*TEXTS, ">>fra<< the hot", ">>deu<<the"]
    if separate:
        for text in texts:
            assert dict(ours(text)) == dict(theirs(text))
    else:
        assert_same(ours, theirs, texts)
    assert ours.supported_language_codes == theirs.supported_language_codes
    assert dict(ours(texts, text_target=texts, padding=True)) == dict(theirs(texts, text_target=texts, padding=True))
    assert ours(text_target="ﬁ the")["input_ids"] == theirs(text_target="ﬁ the")["input_ids"]
    for text in texts:
        ids = theirs(text)["input_ids"]
        for source in (True, False):
            assert ours.decode(ids, use_source_tokenizer=source) == theirs.decode(ids, use_source_tokenizer=source)
    if not separate:
        assert_kept(ours, theirs, tmp_path, texts)


def test_marian_lacks_a_file(models, tmp_path):
    folder = marian(tmp_path / "f", models)
    (folder / "target.spm").unlink()
    with pytest.raises(ValueError, match="MarianTokenizer needs target_spm="):
        tokenizer_class("MarianTokenizer").from_pretrained(folder)
    with pytest.raises(OSError, match=r"vocab.json was expected"):
        tokenizer_class("MarianTokenizer").from_pretrained(tmp_path)


# -- M2M-100, Speech2Text


@REFERENCE
@pytest.mark.parametrize("config", [{}, {"src_lang": "de", "tgt_lang": "fr"}, {"language_codes": "wmt21"}], ids=str)
def test_m2m100(config, models, tmp_path):
    folder = model_and_vocabulary(tmp_path / "f", models, **config)
    ours, theirs = (
        tokenizer_class("M2M100Tokenizer").from_pretrained(folder),
        find("M2M100Tokenizer").from_pretrained(folder),
    )
    texts = [*TEXTS, "__de__ the"]
    assert_same(ours, theirs, texts)
    assert ours.lang_code_to_id == theirs.lang_code_to_id
    for tokenizer in (ours, theirs):
        tokenizer.src_lang, tokenizer.tgt_lang = "ru", "zh"
    assert dict(ours("the hot", text_target="water")) == dict(theirs("the hot", text_target="water"))
    built = [t._build_translation_inputs("the", src_lang="ja", tgt_lang="en") for t in (ours, theirs)]
    assert dict(built[0]) == dict(built[1])
    assert ours.get_lang_id("en") == theirs.get_lang_id("en")
    assert_kept(ours, theirs, tmp_path, texts)
    with pytest.raises(KeyError, match="Did you mean 'en'"):
        ours.src_lang = "eng"


@REFERENCE
@pytest.mark.parametrize("config", [{}, {"do_upper_case": True}, {"lang_codes": "mustc", "tgt_lang": "de"}], ids=str)
def test_speech2text(config, models, tmp_path):
    folder = model_and_vocabulary(tmp_path / "f", models, **config)
    ours, theirs = (f("Speech2TextTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    assert_same(ours, theirs, TEXTS)
    assert_kept(ours, theirs, tmp_path, TEXTS)
    if "lang_codes" in config:
        for tokenizer in (ours, theirs):
            tokenizer.tgt_lang = "fr"
        assert dict(ours("the")) == dict(theirs("the"))


def test_a_folder_says_its_class(models, tmp_path):
    folder = marian(tmp_path / "f", models)
    write(folder, config__json={"model_type": "marian"})
    assert type(AutoTokenizer.from_pretrained(folder)).__name__ == "MarianTokenizer"
