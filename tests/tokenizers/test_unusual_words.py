"""Classes that find words in their own way: BPE inside of words, Japanese, ProphetNet, proteins."""

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers.auto import tokenizer_class
from python_tokenizer_sameness import assert_kept, assert_same, find
from tokenizer_folders import write
from vocabulary_folders import WORD_BPES, pieces_in_lines

REFERENCE = pytest.mark.reference
TEXTS = [
    "Hello world, it's the hot water 1234!",
    "<s> would</s>  <pad>the <unk>x",
    " two  blanks\nnew",
    "",
    "A [SEP]the",
]
TEXTS += ["what's (some) other. Élan 日本", "a"]


@REFERENCE
@pytest.mark.parametrize("name", list(WORD_BPES))
def test_bpe_inside_of_words(name, tmp_path):
    if name == "BioGptTokenizer":
        pytest.importorskip("sacremoses", reason="sacremoses is not installed, which BioGptTokenizer needs")
    folder = WORD_BPES[name](tmp_path / "f")
    ours, theirs = tokenizer_class(name).from_pretrained(folder), find(name).from_pretrained(folder)
    assert_same(ours, theirs, TEXTS)
    if name in ("PhobertTokenizer", "BertweetTokenizer"):  # what the reference saves of these, it cannot read again
        ours.save_pretrained(tmp_path / "ours")
        again = [f(name).from_pretrained(tmp_path / "ours") for f in (tokenizer_class, find)]
        assert all(dict(tokenizer(text)) == dict(ours(text)) for tokenizer in again for text in TEXTS)
    else:
        assert_kept(ours, theirs, tmp_path, TEXTS)
    if name == "CTRLTokenizer":
        assert ours.control_codes == theirs.control_codes


def test_bertweets_normalization_says_what_it_needs(tmp_path):
    tokenizer = tokenizer_class("BertweetTokenizer").from_pretrained(
        WORD_BPES["BertweetTokenizer"](tmp_path), normalization=True
    )
    try:
        import nltk  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pip install nltk emoji"):
            tokenizer("@somebody look")
    else:
        assert tokenizer.normalizeTweet("@somebody look http://x.y") == "@USER look HTTPURL"


@REFERENCE
@pytest.mark.parametrize("config", [{}, {"do_lower_case": False}, {"strip_accents": False}], ids=str)
def test_prophetnet(config, tmp_path):
    folder = pieces_in_lines(tmp_path / "f", "prophetnet.tokenizer", **config)
    ours, theirs = (f("ProphetNetTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    assert_same(ours, theirs, [*TEXTS, "x" * 120, "日本語 é e\u0301"])
    assert_kept(ours, theirs, tmp_path, TEXTS)


@REFERENCE
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"do_lower_case": True},
        {"subword_tokenizer_type": "character"},
        {"do_word_tokenize": False},
        {"do_subword_tokenize": False},
    ],
    ids=str,
)
def test_japanese_without_an_analyser(config, tmp_path):
    folder = pieces_in_lines(tmp_path / "f", "vocab.txt", **config)
    ours, theirs = (f("BertJapaneseTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    texts = [*TEXTS, "日本語のテキスト。", "猫は ﾃｷｽﾄ"]
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)


@REFERENCE
def test_japanese_upon_a_sentencepiece_model(models, tmp_path):
    import shutil

    config = {"subword_tokenizer_type": "sentencepiece", "word_tokenizer_type": "basic", "do_word_tokenize": False}
    write(tmp_path, tokenizer_config__json=config)
    shutil.copy(models["unigram"], tmp_path / "spiece.model")
    ours = tokenizer_class("BertJapaneseTokenizer").from_pretrained(tmp_path)
    theirs = find("BertJapaneseTokenizer").from_pretrained(tmp_path)
    for text in [*TEXTS, "日本語のテキスト"]:
        assert dict(ours(text)) == dict(theirs(text))


@REFERENCE
@pytest.mark.parametrize("analyser", ["mecab", "sudachi", "jumanpp"])
def test_an_analyser_that_is_not_there_is_named(analyser, tmp_path):
    library = {"mecab": "fugashi", "sudachi": "sudachipy", "jumanpp": "rhoknp"}[analyser]
    folder = pieces_in_lines(tmp_path / "f", "vocab.txt", word_tokenizer_type=analyser)
    try:
        __import__(library)
    except ImportError:
        with pytest.raises(ImportError, match=f"pip install {library}"):
            tokenizer_class("BertJapaneseTokenizer").from_pretrained(folder)
        return
    ours, theirs = (f("BertJapaneseTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    assert dict(ours("日本語のテキスト")) == dict(theirs("日本語のテキスト"))


@REFERENCE
def test_proteins(tmp_path):
    tokens = "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <mask>".split()
    folder = tmp_path / "f"
    write(folder, vocab__txt="\n".join(tokens), config__json={"model_type": "esm"})
    ours, theirs = tokenizer_class("EsmTokenizer").from_pretrained(folder), find("EsmTokenizer").from_pretrained(folder)
    texts = ["MKTAYIAK", "M K<mask> T", "xyz", "", "L-A.<eos>G"]
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)
    assert type(AutoTokenizer.from_pretrained(folder)) is type(ours)
