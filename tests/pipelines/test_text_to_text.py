"""text2text-generation, summarization and translation: the reference's names of version 4, its model's answers."""

import json

import pytest
import torch

import tiny
from bearhug import AutoTokenizer, pipeline
from pipelines.conftest import TEXTS, byte_level

SPECIFIC = {
    "translation_en_to_de": {"prefix": "to German: ", "num_beams": 2, "max_length": 9},
    "summarization": {"prefix": "short: ", "max_length": 7, "min_length": 3, "num_beams": 1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny BART with a byte-level tokenizer, whose config says something of each task."""
    folder = tmp_path_factory.mktemp("seq2seq")
    byte_level(folder, pad=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = tiny.reference_model(
        "bart", "seq2seq-lm", vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id, decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None, max_position_embeddings=64,
    )  # fmt: skip
    model.generation_config.forced_eos_token_id = None
    model.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"task_specific_params": SPECIFIC}))
    return folder


@pytest.fixture(scope="module")
def theirs(folder):
    """The reference's model of the folder."""
    import transformers

    return transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()


def expected(theirs, folder, text, **options):
    """What the reference's model writes."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(text, return_tensors="pt")
    ids = theirs.generate(encoded["input_ids"], attention_mask=encoded["attention_mask"], **options)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("task", "name", "prefix", "told"),
    [
        ("text2text-generation", "generated", "", {"max_new_tokens": 12, "num_beams": 4}),
        ("summarization", "summary", "short: ", {"max_length": 7, "min_length": 3}),
        ("translation_en_to_de", "translation", "to German: ", {"num_beams": 2, "max_length": 9}),
    ],
)
def test_a_task_writes_what_the_model_writes(task, name, prefix, told, folder, theirs):
    """The task's own prefix and lengths hold; one text gives a list, several a flat one, in any batch."""
    pipe = pipeline(task, model=str(folder))
    given = {"max_new_tokens": 12} if task == "text2text-generation" else {}
    texts = [expected(theirs, folder, prefix + text, **told)[0] for text in TEXTS]
    assert pipe(TEXTS[0], **given) == [{f"{name}_text": texts[0]}]
    for size in (1, 3):
        assert pipe(TEXTS, batch_size=size, **given) == [{f"{name}_text": text} for text in texts]
    assert pipe.task == task
    assert type(pipe).__name__.startswith({"generated": "Text2Text", "summary": "Summ", "translation": "Transl"}[name])


@pytest.mark.reference
def test_several_sequences_and_ids(folder, theirs):
    """num_return_sequences gives lists in a list; return_tensors the ids."""
    pipe = pipeline("text2text-generation", model=str(folder))
    options = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 5}
    both = [expected(theirs, folder, text, **options) for text in TEXTS[:2]]
    assert pipe(TEXTS[:2], **options) == [[{"generated_text": one} for one in texts] for texts in both]
    ids = pipe(TEXTS[0], return_tensors=True, max_new_tokens=4)[0]["generated_token_ids"]
    assert isinstance(ids, torch.Tensor)
    assert ids.ndim == 1
    options = {"do_sample": True, "seed": 3, "num_beams": 1, "max_new_tokens": 6}
    assert pipe(TEXTS, **options) == pipe(TEXTS, batch_size=4, **options)


def test_the_code_gives_the_same(folder, capsys):
    """explain() prints code that runs by itself."""
    pipe = pipeline("translation_en_to_de", model=str(folder))
    space = {}
    exec(pipe.code(TEXTS[1]), space)
    assert space["result"] == pipe(TEXTS[1])
    assert pipe.run(TEXTS[:1]) == pipe(TEXTS[:1])


def test_what_a_text_to_text_pipeline_refuses(folder):
    """Unknown keywords, inputs that are no text, models that only continue."""
    pipe = pipeline("summarization", model=str(folder))
    with pytest.raises(TypeError, match="num_beams"):
        pipe(TEXTS[0], num_beam=2)
    with pytest.raises(ValueError, match="reads texts"):
        pipe([3])
    with pytest.raises(ValueError, match="seq2seq"):
        pipeline("summarization", model="bearhug/storyteller")
    assert pipe([]) == []
    assert pipeline(model=str(folder)).task == "text2text-generation"
