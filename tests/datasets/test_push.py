"""push_to_hub to a hub that runs here, and back: by us, by the reference, after another push."""

import json
import os
import socket
import subprocess
import sys

import pytest

import bearhug.datasets as ours
from dataset_parity import plain

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)


@pytest.fixture(scope="module")
def running():
    from bearhug.hub.server import local

    with local() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
    monkeypatch.setenv("HF_TOKEN", running.token)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return running


def make(rows=6):
    features = ours.Features(
        {
            "text": ours.Value("string"),
            "y": ours.ClassLabel(names=["neg", "pos"]),
            "ids": ours.List(ours.Value("int32")),
        }
    )
    return ours.Dataset.from_dict(
        {"text": [f"row {i}" for i in range(rows)], "y": [i % 2 for i in range(rows)], "ids": [[7]] * rows}, features
    )


def names_on(hub, repo):
    from huggingface_hub import HfApi

    return sorted(HfApi(hub.endpoint, token=hub.token).list_repo_files(repo, repo_type="dataset"))


def test_what_is_pushed_comes_back(hub):
    ds = ours.DatasetDict({"train": make(), "validation": make(2)})
    commit = ds.push_to_hub("bear/first")

    back = ours.load_dataset("bear/first")
    assert plain(back) == plain(ds)
    assert commit.oid
    assert names_on(hub, "bear/first") == [
        ".gitattributes", "README.md", "data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet",
    ]  # fmt: skip
    assert back["train"].features["y"].names == ["neg", "pos"]
    assert back["train"].info.splits["validation"].num_examples == 2


@pytest.mark.reference
def test_the_reference_loads_what_we_pushed(hub, tmp_path):
    ours.DatasetDict({"train": make(), "test": make(3)}).push_to_hub("bear/for-them")
    script = (
        "import datasets, json\n"
        "dd = datasets.load_dataset('bear/for-them')\n"
        "print(json.dumps([{k: v.to_dict() for k, v in dd.items()}, repr(dd['train'].features)]))"
    )
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_DATASETS_CACHE": str(tmp_path / "theirs"),
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    rows, features = json.loads(done.stdout.splitlines()[-1])

    assert rows == {"train": make().to_dict(), "test": make(3).to_dict()}
    assert features == repr(make().features)


@pytest.mark.reference
def test_we_load_what_the_reference_pushed_and_the_readmes_agree(hub, tmp_path):
    script = (
        "import datasets\n"
        "f = datasets.Features({'text': datasets.Value('string'), 'y': datasets.ClassLabel(names=['neg', 'pos'])})\n"
        "ds = datasets.Dataset.from_dict({'text': ['a', 'b'], 'y': [0, 1]}, features=f)\n"
        "datasets.DatasetDict({'train': ds, 'test': ds}).push_to_hub('bear/by-them')\n"
        "ds.push_to_hub('bear/by-them', 'small', split='train')\n"
    )
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_DATASETS_CACHE": str(tmp_path / "theirs"),
    }
    subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    features = ours.Features({"text": ours.Value("string"), "y": ours.ClassLabel(names=["neg", "pos"])})
    ds = ours.Dataset.from_dict({"text": ["a", "b"], "y": [0, 1]}, features=features)
    ours.DatasetDict({"train": ds, "test": ds}).push_to_hub("bear/by-us")
    ds.push_to_hub("bear/by-us", "small", split="train")

    for name in (None, "small"):
        assert plain(ours.load_dataset("bear/by-them", name)) == plain(ours.load_dataset("bear/by-us", name))
    from bearhug.datasets.find import read_card
    from bearhug.hub.client import open_repo

    cards = [read_card(open_repo(name, repo_type="dataset")) for name in ("bear/by-us", "bear/by-them")]
    for card in cards:
        for info in card["dataset_info"]:
            info.pop("download_size")  # the parquet files' writers differ
            info.pop("dataset_size")
            for split in info["splits"]:
                split.pop("num_bytes")
    assert cards[0]["configs"] == cards[1]["configs"]
    assert cards[0]["dataset_info"] == cards[1]["dataset_info"]


def test_a_second_push_replaces_shards_and_keeps_the_rest(hub):
    make(40).push_to_hub("bear/again", num_shards=3)
    make(4).push_to_hub("bear/again", split="extra")
    assert len(ours.load_dataset("bear/again", split="train")) == 40

    make(10).push_to_hub("bear/again", split="train", num_shards=2)
    back = ours.load_dataset("bear/again")

    assert {name: len(one) for name, one in back.items()} == {"train": 10, "extra": 4}
    assert "data/train-00000-of-00003.parquet" not in names_on(hub, "bear/again")

    ours.DatasetDict({"train": make(1)}).push_to_hub("bear/again")
    assert list(ours.load_dataset("bear/again")) == ["train"]


def test_configurations(hub):
    make(3).push_to_hub("bear/several", "one")
    make(2).push_to_hub("bear/several", "two", set_default=True)

    assert ours.get_dataset_config_names("bear/several") == ["one", "two"]
    assert len(ours.load_dataset("bear/several", "one", split="train")) == 3
    assert len(ours.load_dataset("bear/several", split="train")) == 2
    with pytest.raises(ValueError, match="'one'"):
        ours.load_dataset("bear/several", "on")


def test_a_private_one_needs_the_token(hub, monkeypatch, tmp_path):
    make().push_to_hub("bear/secret", private=True)
    assert len(ours.load_dataset("bear/secret", split="train")) == 6

    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "other-home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "other-home" / "hub"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "other-datasets"))
    with pytest.raises(FileNotFoundError, match="bear/secret"):
        ours.load_dataset("bear/secret", token=False)


def test_other_features_for_a_split_that_stays_are_refused(hub):
    make().push_to_hub("bear/types")
    with pytest.raises(ValueError, match="Features of the new split"):
        make().remove_columns("ids").push_to_hub("bear/types", split="test")


def test_a_push_without_login_says_how(hub, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with pytest.raises(OSError, match="bearhug login"):
        make().push_to_hub("bear/nobody")


def test_a_cached_load_asks_nobody(hub, monkeypatch):
    make().push_to_hub("bear/kept")
    first = ours.load_dataset("bear/kept", split="train")

    monkeypatch.setattr(socket.socket, "connect", None)
    assert ours.load_dataset("bear/kept", split="train").to_dict() == first.to_dict()


def test_a_name_that_is_not_there(hub):
    with pytest.raises(FileNotFoundError, match="bear/nope"):
        ours.load_dataset("bear/nope")
    with pytest.raises(ours.DatasetNotFoundError):
        ours.load_dataset("bear/nope")
