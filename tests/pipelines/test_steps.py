"""What all pipelines share: inputs of any kind, batches, keywords, saving, tasks of one's own."""

import numpy as np
import pytest
import torch

from bearhug import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Dataset,
    KeyDataset,
    Pipeline,
    pipeline,
)
from bearhug.pipelines import PIPELINE_REGISTRY, KeyPairDataset

TEXTS = [
    "a bear hug is very warm",
    "Hugo lives in Berlin now",
    "the cat sat",
    "Anna likes the big bears, and hugs it softly!",
]


class Rows(torch.utils.data.Dataset):
    """A map-style data set of torch's."""

    def __len__(self):
        return len(TEXTS)

    def __getitem__(self, index):
        return {"text": TEXTS[index], "other": "the cat"}


@pytest.fixture
def pipe(folder):
    return pipeline(model=folder("bert-classifier"))


MANY = {
    "a list": lambda: TEXTS,
    "a tuple": lambda: tuple(TEXTS),
    "an array": lambda: np.array(TEXTS),
    "a column": lambda: Dataset.from_dict({"text": TEXTS})["text"],
}
LAZY = {
    "a generator": lambda: (text for text in TEXTS),
    "an iterator": lambda: iter(TEXTS),
    "a KeyDataset": lambda: KeyDataset(Rows(), "text"),
    "a KeyDataset of ours": lambda: KeyDataset(Dataset.from_dict({"text": TEXTS}), "text"),
}


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("kind", MANY)
def test_several_rows_at_hand_give_a_list(pipe, same, kind, batch_size):
    same(pipe(MANY[kind](), batch_size=batch_size), [pipe(text)[0] for text in TEXTS])


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("kind", LAZY)
def test_rows_that_come_give_answers_that_come(pipe, same, kind, batch_size):
    answers = pipe(LAZY[kind](), batch_size=batch_size)

    assert not isinstance(answers, list)
    same([next(answers), *answers], [pipe(text)[0] for text in TEXTS])


def test_an_iterator_is_read_as_it_is_answered(pipe):
    read = []

    def rows():
        for text in TEXTS:
            read.append(text)
            yield text

    answers = pipe(rows())
    next(answers)
    assert read == TEXTS[:1]


def test_a_data_set_of_known_length_has_answers_of_known_length(pipe):
    assert len(pipe(KeyDataset(Rows(), "text"))) == 4


def test_pairs_of_columns(pipe, same):
    answers = list(pipe(KeyPairDataset(Rows(), "text", "other")))

    same(answers, [pipe({"text": text, "text_pair": "the cat"}) for text in TEXTS])


def test_workers_read_a_data_set(pipe, same):
    same(list(pipe(KeyDataset(Rows(), "text"), num_workers=1, batch_size=2)), pipe(TEXTS))


@pytest.mark.parametrize("nothing", [[], (), iter([]), (x for x in [])], ids=["list", "tuple", "iterator", "generator"])
def test_no_rows_give_no_answers(pipe, nothing):
    """The reference raises IndexError."""
    assert list(pipe(nothing)) == []


@pytest.mark.parametrize("name", ["bert-classifier", "distilbert-classifier", "gpt2-classifier"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_row_alone_and_in_a_batch(folder, same, name, side):
    """Law 1: whatever is beside it, padded on either side, with any token."""
    pipe = pipeline(model=folder(name), top_k=None)
    pipe.tokenizer.padding_side = side
    alone = [pipe(text) for text in TEXTS]

    for batch_size in (2, 3, 4, 50):
        same([[answer] for answer in pipe(TEXTS * 3, batch_size=batch_size)], alone * 3)
    pipe.tokenizer.pad_token = "the" if name != "gpt2-classifier" else "a"
    same([[answer] for answer in pipe(TEXTS, batch_size=4)], alone)


def test_batches_hold_rows_of_like_lengths(pipe):
    """Longest first within a window, so that little of a batch is padding; the answers keep the rows' order."""
    lengths = []
    forward = pipe.model.forward

    def seen(input_ids, **options):
        lengths.append(input_ids.shape[1])
        return forward(input_ids, **options)

    pipe.model.forward = seen
    texts = ["a", "the cat sat on a mat in the big city", "the", "a bear likes the warm cat in the big city"] * 4
    answers = pipe(texts, batch_size=8)

    assert lengths == [12, 3]
    assert answers[:4] == answers[4:8]


@pytest.mark.parametrize("name", ["bert-classifier", "bert-mask", "bert-ner", "bert-base", "gpt2"])
def test_every_task_takes_its_input_first_and_as_inputs(folder, name):
    """Complaint A1."""
    pipe = pipeline("ner" if name == "bert-ner" else None, model=folder(name))
    if name == "gpt2":
        pipe = pipeline(model=folder(name), max_new_tokens=2, do_sample=False)

    assert pipe(inputs="the [MASK] sat") == pipe("the [MASK] sat")


def test_the_reference_s_keyword_for_the_input(folder):
    classifier, writer = pipeline(model=folder("bert-classifier")), pipeline(model=folder("gpt2"), max_new_tokens=2)

    assert classifier(inputs=TEXTS[0]) == classifier(TEXTS[0])
    assert writer(text_inputs=TEXTS[0], do_sample=False) == writer(TEXTS[0], do_sample=False)
    with pytest.raises(TypeError, match="called with no input"):
        classifier()
    with pytest.raises(TypeError, match="called with 2 inputs"):
        classifier("a", "b")


@pytest.mark.parametrize(("name", "given", "near"), [
    ("bert-classifier", "topk", "top_k"), ("bert-mask", "target", "targets"), ("bert-ner", "strides", "stride"),
    ("bert-base", "return_tensor", "return_tensors"), ("gpt2", "max_new_token", "max_new_tokens"),
])  # fmt: skip
def test_an_unknown_keyword_names_the_near_ones(folder, name, given, near):
    """The reference ignores it; here also when the pipeline is made."""
    task = "ner" if name == "bert-ner" else None
    pipe = pipeline(task, model=folder(name))
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{given}'.*'{near}'"):
        pipe("a [MASK]", **{given: 2})
    with pytest.raises(TypeError, match=f"'{near}'"):
        pipeline(task, model=folder(name), **{given: 2})


def test_one_flat_record_a_row(pipe):
    records = pipe.run(TEXTS, batch_size=2)

    assert records == pipe(TEXTS, batch_size=2)
    assert pipe.run(TEXTS[0]) == pipe(TEXTS[0])
    best = [{**answer[0], "score": pytest.approx(answer[0]["score"], abs=1e-6)} for answer in pipe(TEXTS, top_k=2)]
    assert list(pipe.run(iter(TEXTS), top_k=2)) == best


def test_a_pipeline_can_be_saved_and_loaded(pipe, tmp_path):
    pipe.save_pretrained(tmp_path / "saved")

    assert pipeline(model=tmp_path / "saved")(TEXTS) == pipe(TEXTS)


def test_how_it_prints(pipe, folder):
    text = repr(pipe)

    assert text.startswith("TextClassificationPipeline(task='text-classification', model='")
    assert text.endswith("dtype=torch.float32, device='cpu')")
    assert pipe.predict(TEXTS) == pipe.transform(TEXTS) == pipe(TEXTS)
    assert pipe.torch_dtype is pipe.dtype is torch.float32
    with pipe.device_placement():
        assert torch.zeros(1).device.type == "cpu"


def test_a_model_that_was_training_answers_without_dropout(folder):
    model = AutoModelForSequenceClassification.from_pretrained(folder("bert-classifier")).train()
    pipe = pipeline(
        "text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder("bert-classifier"))
    )

    assert pipe(TEXTS) == pipe(TEXTS)
    assert model.training


def test_the_wrong_head_is_refused(folder):
    """The reference answers from it, or from a fresh one."""
    model = AutoModelForMaskedLM.from_pretrained(folder("bert-mask"))
    with pytest.raises(ValueError, match="needs a model for sequence-classification, and got one for masked-lm"):
        pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder("bert-mask")))


@pytest.mark.parametrize(("task", "name"), [("text-classification", "bert-mask"), ("fill-mask", "bert-classifier"),
                                            ("ner", "bert-base"), ("text-classification", "gpt2")])  # fmt: skip
def test_a_fresh_head_never_answers(folder, task, name):
    with pytest.raises(ValueError, match="new_head=True"):
        pipeline(task, model=folder(name))


class Lengths(Pipeline):
    """A task as people write it for the reference: three steps, and which keywords they take."""

    def _sanitize_parameters(self, unit=None, **rest):
        assert not rest
        return {}, {}, {"unit": unit} if unit else {}

    def preprocess(self, inputs):
        return self.tokenizer(inputs, return_tensors="pt")

    def _forward(self, model_inputs):
        return {"logits": self.model(**model_inputs).logits, "length": model_inputs["attention_mask"].sum(-1)}

    def postprocess(self, model_outputs, unit="tokens"):
        return {"length": model_outputs["length"].item(), "unit": unit}


def test_a_task_of_ones_own(folder, monkeypatch):
    monkeypatch.setattr(PIPELINE_REGISTRY, "supported_tasks", dict(PIPELINE_REGISTRY.supported_tasks))
    PIPELINE_REGISTRY.register_pipeline("count", Lengths, pt_model=AutoModelForSequenceClassification)
    pipe = pipeline("count", model=folder("bert-classifier"))

    assert "count" in PIPELINE_REGISTRY.get_supported_tasks()
    assert pipe(TEXTS[2], unit="pieces") == {"length": 5, "unit": "pieces"}
    assert [answer["length"] for answer in pipe(TEXTS, batch_size=3)] == [pipe(text)["length"] for text in TEXTS]
    with pytest.raises(TypeError, match="does not write its code out"):
        pipe.explain(TEXTS[0])
    assert pipeline(model=folder("bert-classifier"), pipeline_class=Lengths)(TEXTS[2])["unit"] == "tokens"
