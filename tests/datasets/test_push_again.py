"""push_to_hub in every way, beside the reference's client on the same hub: files, README, rows; a push that broke."""

import inspect
import json
import os
import subprocess
import sys

import pytest

import bearhug.datasets as ours
from dataset_parity import plain

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)

# the same lines for both: D is the library, `make` gives a data set, `name` the repository
PUSHES = {
    "folder": "make(D, 4).push_to_hub(name, data_dir='inner/files')",
    "shards": "make(D, 9).push_to_hub(name, num_shards=4)",
    "size": "make(D, 300).push_to_hub(name, max_shard_size='2KB')",
    "processes": "make(D, 9).push_to_hub(name, num_shards=2)",
    "split": "make(D, 4).push_to_hub(name, split='dev')\nmake(D, 2).push_to_hub(name, split='extra')",
    "own split": "D.Dataset.from_dict({'n': [1]}, split='test').push_to_hub(name)",
    "configs": "make(D, 4).push_to_hub(name, 'one', set_default=True)\nmake(D, 2).push_to_hub(name, 'two')\n"
    "D.DatasetDict({'train': make(D, 1), 'test': make(D, 2)}).push_to_hub(name, 'three')",
    "new default": "make(D, 4).push_to_hub(name, 'one', set_default=True)\n"
    "make(D, 2).push_to_hub(name, 'two', set_default=True)",
    "config beside default": "make(D, 4).push_to_hub(name)\nmake(D, 2).push_to_hub(name, 'two')",
    "fewer": "make(D, 9).push_to_hub(name, num_shards=3)\nmake(D, 5).push_to_hub(name)",
    "dict": "both = D.DatasetDict({'train': make(D, 6), 'test': make(D, 2)})\n"
    "both.push_to_hub(name, num_shards={'train': 3, 'test': 1})",
    "dict again": "D.DatasetDict({'train': make(D, 6), 'test': make(D, 2)}).push_to_hub(name)\n"
    "D.DatasetDict({'train': make(D, 3)}).push_to_hub(name)",
    "branch": "make(D, 4).push_to_hub(name, revision='dev')",
    "view": "make(D, 9).shuffle(seed=1).select([1, 3, 5]).push_to_hub(name)",
    "stream": "make(D, 6).to_iterable_dataset(num_shards=3).push_to_hub(name)",
    "streams": "D.IterableDatasetDict({'train': make(D, 6).to_iterable_dataset(), "
    "'test': make(D, 2).to_iterable_dataset()}).push_to_hub(name)",
}


def make(D, rows):
    features = D.Features(
        {"text": D.Value("string"), "y": D.ClassLabel(names=["neg", "pos"]), "ids": D.List(D.Value("int32"))}
    )
    values = {"text": [f"row {i}" for i in range(rows)], "y": [i % 2 for i in range(rows)], "ids": [[7]] * rows}
    return D.Dataset.from_dict(values, features=features)


def load(D, name, revision):
    out = {}
    for config in D.get_dataset_config_names(name, revision=revision):
        for split, one in D.load_dataset(name, config, revision=revision).items():
            out[f"{config}/{split}"] = [one.to_dict(), repr(one.features)]
    return out


@pytest.fixture(scope="module")
def running():
    from bearhug.hub.server import local

    with local() as hub:
        yield hub


@pytest.fixture(scope="module")
def by_them(running, tmp_path_factory):
    """All pushes by the reference, in one process."""
    folder = tmp_path_factory.mktemp("theirs")
    lines = [inspect.getsource(make), inspect.getsource(load), "import datasets as D, json", "found = {}"]
    for key, push in PUSHES.items():
        lines += [f"name = 'bear/theirs-{key.replace(' ', '-')}'", push]
        lines.append(f"found[{key!r}] = load(D, name, {'dev' if key == 'branch' else None!r})")
    lines.append("print(json.dumps(found))")
    environment = {**os.environ, "HF_ENDPOINT": running.endpoint, "HF_TOKEN": running.token}
    environment |= {"HF_HOME": str(folder / "home"), "HF_DATASETS_CACHE": str(folder / "data")}
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
    monkeypatch.setenv("HF_TOKEN", running.token)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return running


def files(hub, repo, revision=None):
    from huggingface_hub import HfApi

    return sorted(HfApi(hub.endpoint, token=hub.token).list_repo_files(repo, repo_type="dataset", revision=revision))


def card(repo, revision=None):
    from bearhug.datasets.load import read_card
    from bearhug.hub.client import open_repo

    found = read_card(open_repo(repo, repo_type="dataset", revision=revision, force_download=True))
    infos = found["dataset_info"] if isinstance(found["dataset_info"], list) else [found["dataset_info"]]
    for info in infos:
        info.pop("download_size")  # the parquet files' writers differ
        info.pop("dataset_size")
        for split in info["splits"]:
            split.pop("num_bytes")
    return found


@pytest.mark.reference
@pytest.mark.parametrize("key", PUSHES)
def test_files_readme_and_rows_are_those_of_the_reference(key, hub, by_them):
    name, other = f"bear/ours-{key.replace(' ', '-')}", f"bear/theirs-{key.replace(' ', '-')}"
    revision = "dev" if key == "branch" else None
    exec(PUSHES[key], {"D": ours, "make": make, "name": name})

    assert json.loads(json.dumps(load(ours, name, revision))) == by_them[key]
    assert files(hub, name, revision) == files(hub, other, revision)
    assert card(name, revision)["configs"] == card(other, revision)["configs"]
    assert card(name, revision)["dataset_info"] == card(other, revision)["dataset_info"]


def test_a_push_that_broke_sends_nothing_twice(hub, monkeypatch):
    """Files that reached the hub before the break are not sent again; nobody saw half of the push."""
    from huggingface_hub import _commit_api, constants, lfs

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    sent, real = [], lfs._upload_single_part

    def counted(operation, upload_url):
        if len(sent) == 3 and not counted.whole:
            raise ConnectionError("the line is cut")
        sent.append(operation.path_in_repo)
        return real(operation, upload_url)

    counted.whole = False
    monkeypatch.setattr(lfs, "_upload_single_part", counted)
    monkeypatch.setattr(_commit_api, "_upload_xet_files", None)
    ds = ours.Dataset.from_dict({"text": [f"row {i} " * 50 for i in range(600)]})
    with pytest.raises(Exception, match=r"cut|upload"):
        ds.push_to_hub("bear/broken", num_shards=6)
    reached = len(sent)
    assert 1 <= reached < 6
    assert not [one for one in files(hub, "bear/broken") if one.endswith(".parquet")]
    counted.whole = True
    ds.push_to_hub("bear/broken", num_shards=6)

    assert len(sent) == len(set(sent)) == 6
    assert plain(ours.load_dataset("bear/broken", split="train")) == plain(ds)


def test_files_are_written_side_by_side_and_equal(hub):
    make(ours, 50).push_to_hub("bear/side", num_proc=3)
    make(ours, 50).push_to_hub("bear/line", num_shards=3)

    assert files(hub, "bear/side") == files(hub, "bear/line")
    assert ours.load_dataset("bear/side", split="train").to_dict() == make(ours, 50).to_dict()


def test_a_proposal_leaves_main_alone(hub):
    from huggingface_hub import HfApi

    make(ours, 3).push_to_hub("bear/proposed")
    commit = make(ours, 5).push_to_hub("bear/proposed", create_pr=True, commit_message="more", commit_description="w")

    assert len(ours.load_dataset("bear/proposed", split="train")) == 3
    assert commit.pr_num
    api = HfApi(hub.endpoint, token=hub.token)
    newest = api.list_repo_commits("bear/proposed", repo_type="dataset", revision=f"refs/pr/{commit.pr_num}")[0]
    assert newest.title == "more"
    assert len(ours.load_dataset("bear/proposed", split="train", revision=f"refs/pr/{commit.pr_num}")) == 5


def test_a_text_in_the_readme_stays(hub):
    from huggingface_hub import HfApi

    api = HfApi(hub.endpoint, token=hub.token)
    make(ours, 3).push_to_hub("bear/told")
    api.upload_file(
        path_or_fileobj=b"---\nlicense: mit\ntags: [a]\n---\n# Told\n\nby hand\n", path_in_repo="README.md",
        repo_id="bear/told", repo_type="dataset",
    )  # fmt: skip
    make(ours, 4).push_to_hub("bear/told", split="test")
    readme = api.hf_hub_download("bear/told", "README.md", repo_type="dataset", force_download=True)
    text = open(readme, encoding="utf-8").read()

    assert "license: mit" in text
    assert "by hand" in text
    assert card("bear/told")["configs"][0]["data_files"][-1] == {"split": "test", "path": "data/test-*"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"config_name": "data"}, "cannot be 'data'"),
        ({"num_shards": 2, "max_shard_size": "1MB"}, "not both"),
        ({"repo_id": "a b"}, "no name for a repository"),
    ],
)
def test_errors(hub, options, said):
    with pytest.raises(ValueError, match=said):
        make(ours, 2).push_to_hub(**{"repo_id": "bear/wrong", **options})
