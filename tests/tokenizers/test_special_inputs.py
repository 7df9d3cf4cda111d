"""Classes whose texts are more than texts: words by jieba, nodes of web pages, entities, tables, two tokenizers."""

import json
import pickle
import shutil

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers.auto import tokenizer_class
from python_tokenizer_sameness import find, outcome
from tokenizer_folders import bert, byte_bpe, write
from vocabulary_folders import PIECES

pytestmark = pytest.mark.reference
TEXTS = ["今天天气非常好。Hello 世界", "Hello world, it's the hot water!", "", "日本語 [SEP] x", "你好，world 世界的"]


def both(name, folder, **options):
    return tokenizer_class(name).from_pretrained(folder, **options), find(name).from_pretrained(folder, **options)


class TestJieba:
    @pytest.fixture
    def pair(self, tmp_path):
        pytest.importorskip("rjieba", reason="rjieba is not installed, which RoFormerTokenizer needs")
        words = dict.fromkeys([*PIECES, *"今天气非常好。你世界，的", "今天", "天气", "非常", "你好"])
        folder = write(tmp_path / "f", config__json={"model_type": "roformer"})
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
        # Of a vocab.txt the reference looks words up in the path, not in the file: it gets a tokenizer.json.
        tokenizer_class("RoFormerTokenizer").from_pretrained(folder).save_pretrained(folder)
        return both("RoFormerTokenizer", folder)

    def test_same(self, pair):
        ours, theirs = pair
        for text in TEXTS:
            assert ours.tokenize(text) == theirs.tokenize(text)
            said = {"return_offsets_mapping": True}
            assert dict(ours(text, **said)) == dict(theirs(text, **said))
            assert dict(ours(text, "你好 x", **said)) == dict(theirs(text, "你好 x", **said))
            ids = theirs(text)["input_ids"]
            assert ours.decode(ids) == theirs.decode(ids)
        assert ours(TEXTS, padding=True, truncation=True, max_length=6).data == dict(
            theirs(TEXTS, padding=True, truncation=True, max_length=6)
        )

    def test_saved_and_pickled(self, pair, tmp_path):
        ours, theirs = pair
        for tokenizer in pair:
            tokenizer.save_pretrained(tmp_path / "saved")
            again = [
                AutoTokenizer.from_pretrained(tmp_path / "saved"),
                find("RoFormerTokenizer").from_pretrained(tmp_path / "saved"),
            ]
            for one in (*again, tokenizer, pickle.loads(pickle.dumps(ours))):
                assert [one(text)["input_ids"] for text in TEXTS] == [theirs(text)["input_ids"] for text in TEXTS]
        assert len(ours.fingerprint()) == 64


NODES, PATHS = ["Hello", "hot water", "x1234"], ["/html/body/div[2]/a", "/html/odd/li[1200]", "//html/body[1]"]
TAGS = {"html": 0, "body": 1, "div": 2, "a": 3, "li": 4}


class TestNodes:
    @pytest.fixture
    def pair(self, tmp_path):
        vocab, merges = byte_bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        config = {"tags_dict": TAGS, "max_depth": 5, "max_width": 10, "pad_width": 11}
        merges = "#version: 0.2\n" + "\n".join(merges)
        return both(
            "MarkupLMTokenizer",
            write(tmp_path / "f", vocab__json=vocab, merges__txt=merges, tokenizer_config__json=config),
        )

    @pytest.mark.parametrize(
        "said",
        [
            {},
            {"padding": "max_length", "max_length": 20},
            {"truncation": True, "max_length": 5},
            {"truncation": True, "max_length": 6, "stride": 1, "return_overflowing_tokens": True},
            {"return_offsets_mapping": True, "return_special_tokens_mask": True},
        ],
        ids=str,
    )
    def test_one_page(self, pair, said):
        ours, theirs = pair
        for labels in (None, [7, 8, 9]):
            more = {"xpaths": PATHS, "node_labels": labels, **said}
            assert dict(ours(NODES, **more)) == dict(theirs(NODES, **more))
        if "stride" not in said:  # one token of the page has room then, and the reference panics
            assert dict(ours("what is it", NODES, xpaths=PATHS, **said)) == dict(
                theirs("what is it", NODES, xpaths=PATHS, **said)
            )

    def test_several_pages(self, pair):
        ours, theirs = pair
        pages, paths = [NODES, NODES[:1]], [PATHS, PATHS[:1]]
        for said in (
            {"padding": True},
            {"padding": True, "padding_side": "left"},
            {"padding": True, "return_tensors": "np"},
        ):
            for questions in ((), (["what", "is it"],)):
                mine = ours(*questions, pages, xpaths=paths, node_labels=None, **said)
                other = theirs(*questions, pages, xpaths=paths, node_labels=None, **said)
                assert {key: [*map(list, rows)] for key, rows in _lists(mine).items()} == _lists(other)
        rows = [ours(NODES, xpaths=PATHS), ours(NODES[:1], xpaths=PATHS[:1])]
        others = [theirs(NODES, xpaths=PATHS), theirs(NODES[:1], xpaths=PATHS[:1])]
        assert dict(ours.pad(rows)) == dict(theirs.pad(others))

    def test_without_paths(self, pair):
        ours, theirs = pair
        for text in ("Hello hot world", NODES, ["a", "b"], [("a", "b"), ("c", "d e")]):
            assert outcome(lambda: dict(ours(text))) == outcome(lambda: dict(theirs(text)))  # noqa: B023 - called at once
        assert ours.get_xpath_seq("/html/li[3]") == tuple(theirs.get_xpath_seq("/html/li[3]"))
        with pytest.raises(ValueError, match="xpaths"):
            ours(NODES, is_split_into_words=True)

    def test_kept(self, pair, tmp_path):
        pair[0].save_pretrained(tmp_path / "saved")
        for again in both("MarkupLMTokenizer", tmp_path / "saved"):
            assert dict(again(NODES, xpaths=PATHS)) == dict(pair[1](NODES, xpaths=PATHS))


def _lists(encoding):
    return {key: rows.tolist() if hasattr(rows, "tolist") else rows for key, rows in encoding.items()}


def test_two_tokenizers(tmp_path):
    questions = bert(tmp_path / "f" / "question_encoder_tokenizer")
    from tokenizer_folders import roberta

    answers = roberta(tmp_path / "f" / "generator_tokenizer")
    write(tmp_path / "f", config__json={"model_type": "rag"})
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "f")
    assert type(tokenizer).__name__ == "RagTokenizer"
    one, other = (AutoTokenizer.from_pretrained(folder) for folder in (questions, answers))
    assert dict(tokenizer("Hello world")) == dict(one("Hello world"))
    ids = other("the water")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "the water"
    assert tokenizer.batch_decode([ids]) == [other.decode(ids)]
    theirs = find("RagTokenizer")(
        find("BertTokenizer").from_pretrained(questions), find("RobertaTokenizer").from_pretrained(answers)
    )
    assert dict(theirs("Hello world")) == dict(tokenizer("Hello world"))
    tokenizer.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "generator_tokenizer" / "tokenizer_config.json").read_text())
    with pytest.raises(ValueError, match="is a file"):
        tokenizer.save_pretrained(tmp_path / "f" / "config.json")


TEXT, SPANS = "Hello world lives in the hot water", [(0, 5), (21, 34)]
SAID = [
    {},
    {"entities": ["Ana", "nobody"]},
    {"padding": "max_length", "max_length": 24, "truncation": True},
    {"add_special_tokens": False},
    {"return_special_tokens_mask": True, "return_token_type_ids": True, "return_length": True},
    {"return_attention_mask": False},
]


class TestEntities:
    @pytest.fixture
    def make(self, tmp_path):
        def make(**config):
            vocab, merges = byte_bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<ent>", "<ent2>"])
            entities = {"[MASK]": 0, "[UNK]": 1, "[PAD]": 2, "[MASK2]": 3, "Ana": 4, "water": 5}
            merges = "#version: 0.2\n" + "\n".join(merges)
            config = {"max_entity_length": 4, "max_mention_length": 6} | config
            folder = write(tmp_path / "f", vocab__json=vocab, merges__txt=merges, tokenizer_config__json=config)
            return both("LukeTokenizer", write(folder, entity_vocab__json=entities))

        return make

    def test_special_tokens(self, make):
        ours, theirs = make()
        for name in ("all_special_tokens", "special_tokens_map", "extra_special_tokens", "added_tokens_encoder"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert dict(ours(TEXT, "pair")) == dict(theirs(TEXT, "pair"))
        assert ours.entity_vocab == theirs.entity_vocab
        for name in ("pad", "unk", "mask", "mask2"):
            assert getattr(ours, f"entity_{name}_token_id") == getattr(theirs, f"entity_{name}_token_id")

    @pytest.mark.parametrize("said", SAID, ids=str)
    def test_texts(self, make, said):
        ours, theirs = make()
        assert dict(ours(TEXT, entity_spans=SPANS, **said)) == dict(theirs(TEXT, entity_spans=SPANS, **said))
        pair = {"entity_spans": SPANS, "entity_spans_pair": [(2, 5)]}
        pair |= {"entities_pair": ["water"]} if "entities" in said else {}
        assert dict(ours(TEXT, "a hot b", **pair, **said)) == dict(theirs(TEXT, "a hot b", **pair, **said))
        texts, spans = [TEXT, "the hot water"], [SPANS, [(4, 7)]]
        if "entities" not in said:
            assert dict(ours(texts, entity_spans=spans, **said)) == dict(theirs(texts, entity_spans=spans, **said))

    def test_cut(self, make):  # where the reference, which has no truncate_sequences here, raises AttributeError
        ours, _ = make()
        whole = ours(TEXT, entity_spans=SPANS)
        cut = ours(TEXT, entity_spans=SPANS, truncation=True, max_length=8, return_overflowing_tokens=True)
        assert len(cut["input_ids"]) == 8
        assert cut["entity_position_ids"] == whole["entity_position_ids"][:1]
        assert cut["num_truncated_tokens"] == len(whole["input_ids"]) - 8
        one = ours(TEXT, entity_spans=SPANS, truncation=True, max_length=30, max_entity_length=1)
        assert one["entity_ids"] == whole["entity_ids"][:1]
        assert one["input_ids"] == whole["input_ids"]

    def test_padded(self, make):
        ours, theirs = make()
        texts, spans = [TEXT, "the hot water"], [SPANS, [(4, 7)]]
        for said in (
            {"padding": True},
            {"padding": True, "padding_side": "left"},
            {"padding": True, "pad_to_multiple_of": 8},
        ):
            assert dict(ours(texts, entity_spans=spans, **said)) == dict(theirs(texts, entity_spans=spans, **said))
        mine, other = (one(texts, entity_spans=spans, padding=True, return_tensors="np") for one in (ours, theirs))
        assert _lists(mine) == _lists(other)
        rows = [
            [one(text, entity_spans=span) for text, span in zip(texts, spans, strict=True)] for one in (ours, theirs)
        ]
        assert dict(ours.pad(rows[0])) == dict(theirs.pad(rows[1]))

    @pytest.mark.parametrize(
        ("task", "spans"),
        [
            ("entity_classification", [(21, 34)]),
            ("entity_pair_classification", [(0, 5), (21, 34)]),
            ("entity_pair_classification", [(21, 34), (0, 5)]),
            ("entity_span_classification", [(0, 5), (6, 11), (21, 34)]),
        ],
    )
    def test_tasks(self, make, task, spans):
        ours, theirs = make(task=task)
        for said in ({}, {"padding": "max_length", "max_length": 30, "truncation": True}):
            assert dict(ours(TEXT, entity_spans=spans, **said)) == dict(theirs(TEXT, entity_spans=spans, **said))
            assert dict(ours([TEXT, TEXT], entity_spans=[spans, spans], **said)) == dict(
                theirs([TEXT, TEXT], entity_spans=[spans, spans], **said)
            )
        with pytest.raises(ValueError, match="needs entity_spans"):
            ours(TEXT)

    def test_kept_and_errors(self, make, tmp_path):
        ours, theirs = make()
        ours.save_pretrained(tmp_path / "saved")
        for again in both("LukeTokenizer", tmp_path / "saved"):
            assert dict(again(TEXT, entity_spans=SPANS)) == dict(theirs(TEXT, entity_spans=SPANS))
        with pytest.raises(TypeError, match="entity_spans is a list"):
            ours(TEXT, entity_spans=((0, 5),))
        with pytest.raises(ValueError, match="list of tuples"):
            ours(TEXT, entity_spans=[[0, 5]])
        with pytest.raises(ValueError, match="1 entities and 2 entity_spans"):
            ours(TEXT, entity_spans=SPANS, entities=["Ana"])
        with pytest.raises(ValueError, match="task='x' is unknown"):
            make(task="x")


class TestEntitiesOfManyLanguages:
    @pytest.fixture
    def pair(self, models, tmp_path):
        entities = {"[MASK]": 0, "[UNK]": 1, "[PAD]": 2, "[MASK2]": 3, "Ana": 4}
        folder = write(tmp_path / "f", entity_vocab__json=entities)
        shutil.copy(models["unigram"], folder / "sentencepiece.bpe.model")
        return both("MLukeTokenizer", folder)

    def test_same(self, pair):
        ours, theirs = pair
        for name in ("all_special_tokens", "extra_special_tokens", "added_tokens_encoder", "vocab_size"):
            assert getattr(ours, name) == getattr(theirs, name), name
        for text in (TEXT, "``x'' 日本 <mask> y", ""):
            assert dict(ours(text)) == dict(theirs(text))
            assert dict(ours(text, "a pair")) == dict(theirs(text, "a pair"))
            assert ours.tokenize(text) == theirs.tokenize(text)
            assert ours.decode(ours(text)["input_ids"]) == theirs.decode(theirs(text)["input_ids"])
        for said in ({}, {"entities": ["Ana", "x"]}, {"return_token_type_ids": True}):
            assert dict(ours(TEXT, entity_spans=SPANS, **said)) == dict(theirs(TEXT, entity_spans=SPANS, **said))
        assert dict(ours(TEXT, "a hot", SPANS, [(0, 1)])) == dict(theirs(TEXT, "a hot", SPANS, [(0, 1)]))

    def test_kept(self, pair, tmp_path):
        pair[0].save_pretrained(tmp_path / "saved")
        for again in both("MLukeTokenizer", tmp_path / "saved"):
            assert dict(again(TEXT, entity_spans=SPANS)) == dict(pair[1](TEXT, entity_spans=SPANS))


TABLE = {
    "Actors": ["Brad Pitt", "Leonardo Di Caprio", "George Clooney", "n/a"],
    "Age": ["56", "45", "59", "45"],
    "Birth": ["18 December 1963", "11 November 1974", "6 May 1961", "1980"],
    "Number of movies": ["87", "53 or more", "1,269.5", "twelve"],
}
QUESTIONS = ["How old is Brad?", "Who made more than 60 movies, or was born on 6 May 1961?", "the third of 45", ""]


class TestTables:
    @pytest.fixture
    def make(self, tmp_path):
        pandas = pytest.importorskip("pandas", reason="pandas is not installed, which tables of TAPAS are made with")

        def make(**config):
            folder = write(tmp_path / "f", tokenizer_config__json=config)
            (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in dict.fromkeys(["[EMPTY]", *PIECES])))
            return *both("TapasTokenizer", folder), pandas.DataFrame(TABLE)

        return make

    @pytest.mark.parametrize(
        "said",
        [
            {},
            {"return_special_tokens_mask": True},
            {"return_length": True},
            {"truncation": True, "max_length": 60},
            {"truncation": "drop_rows_to_fit", "max_length": 90},
            {"padding": "max_length", "max_length": 220},
            {"padding": "max_length", "max_length": 220, "padding_side": "left"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("config", [{}, {"cell_trim_length": 4, "strip_column_names": True}], ids=str)
    def test_questions(self, make, said, config):
        ours, theirs, table = make(**config)
        for question in QUESTIONS:
            mine = outcome(lambda: _lists(ours(table=table, queries=question, **said)))  # noqa: B023 - called at once
            assert mine == outcome(lambda: _lists(theirs(table=table, queries=question, **said)))  # noqa: B023
        assert outcome(lambda: _lists(ours(table, list(QUESTIONS), **said))) == outcome(
            lambda: _lists(theirs(table, list(QUESTIONS), **said))
        )

    def test_answers(self, make):
        ours, theirs, table = make()
        answer = {"answer_coordinates": [(0, 1), (2, 1)], "answer_text": ["56", "59"]}
        mine, other = (one(table, QUESTIONS[0], **answer) for one in (ours, theirs))
        assert repr(dict(sorted(mine.items()))) == repr(dict(sorted(other.items())))
        assert sum(mine["labels"]) > 0

    def test_predictions(self, make):
        import torch

        ours, theirs, table = make()
        data = theirs(table, QUESTIONS[:2], padding="max_length", max_length=160, return_tensors="pt")
        torch.manual_seed(0)
        logits, ways = torch.randn(2, 160) * 3, torch.randn(2, 4)
        mine, other = (one.convert_logits_to_predictions(data, logits.clone(), ways) for one in (ours, theirs))
        assert [*map(list, mine)] == [*map(list, other)]

    def test_kept(self, make, tmp_path):
        ours, theirs, table = make()
        assert (ours.all_special_tokens, len(ours)) == (theirs.all_special_tokens, len(theirs))
        assert ours.get_vocab() == theirs.get_vocab()
        ours.save_pretrained(tmp_path / "saved")
        for again in (*both("TapasTokenizer", tmp_path / "saved"), pickle.loads(pickle.dumps(ours))):
            assert dict(again(table, QUESTIONS[1])) == dict(theirs(table, QUESTIONS[1]))

    def test_wrong_tables(self, make):
        ours, _, table = make()
        with pytest.raises(ValueError, match="expected a pandas DataFrame"):
            ours([["a"]], "what")
        with pytest.raises(ValueError, match="cells are texts"):
            ours(table.assign(Age=[1, 2, 3, 4]), "what")
        with pytest.raises(ValueError, match="both, answer_coordinates"):
            ours(table, "what", answer_coordinates=[(0, 0)])
