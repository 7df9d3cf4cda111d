"""bearhug's own client: a name to local files, silently where they are cached; and one commit back."""

import os
import socket
import subprocess
import sys
import time

import pytest
from huggingface_hub import get_cached_repo_tree, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bearhug.hub import open_repo, push_folder, snapshot_download
from bearhug.hub.client import nursery_names
from bearhug.hub.reach import HubUnreachable
from hub.conftest import ANNA_TOKEN


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "made"
    (path / "sub").mkdir(parents=True)
    (path / "config.json").write_text('{"a": 1}')
    (path / "model.safetensors").write_bytes(os.urandom(20_000))
    (path / "sub" / "x.txt").write_text("deep")
    (path / ".git").mkdir()
    (path / ".git" / "HEAD").write_text("not this")
    return path


@pytest.fixture
def pushed(as_bear, folder, repo):
    push_folder(folder, repo)
    return repo


@pytest.fixture
def no_sockets(monkeypatch):
    """From when it is called on, a socket that is made is a failure."""

    def begin():
        def refuse(*_, **__):
            raise AssertionError("a socket was made")

        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    return begin


# down


def test_a_folder_is_itself(folder):
    repo = open_repo(folder)

    assert repo.path("config.json") == folder / "config.json"
    assert repo.path("nope") is None
    assert repo.files() == [".git/HEAD", "config.json", "model.safetensors", "sub/x.txt"]
    assert open_repo(folder, subfolder="sub").path("x.txt") == folder / "sub" / "x.txt"
    assert open_repo(folder, subfolder="sub").files() == ["x.txt"]
    with pytest.raises(ValueError, match="leads out"):
        repo.path("../made/config.json")


def test_a_file_is_fetched_once(pushed, folder, no_sockets):
    first = open_repo(pushed).path("config.json")
    assert first is not None
    assert first.read_bytes() == (folder / "config.json").read_bytes()
    no_sockets()

    assert open_repo(pushed).path("config.json") == first


def test_what_a_cached_revision_does_not_have_is_known(pushed, no_sockets):
    open_repo(pushed).path("config.json")
    no_sockets()
    repo = open_repo(pushed)

    assert repo.path("added_tokens.json") is None
    assert repo.files() == [".gitattributes", "config.json", "model.safetensors", "sub/x.txt"]
    assert open_repo(pushed, subfolder="sub").files() == ["x.txt"]


def test_the_list_is_kept_as_hugging_face_keeps_it(as_bear, pushed, tmp_path):
    open_repo(pushed).path("config.json")
    kept = get_cached_repo_tree(pushed, cache_dir=tmp_path / "home" / "hub")

    assert [file.path for file in kept] == [".gitattributes", "config.json", "model.safetensors", "sub/x.txt"]
    assert kept[2].xet_hash is not None


def test_a_cache_that_hugging_face_filled_is_read(as_bear, pushed, tmp_path, monkeypatch, no_sockets):
    """It kept no list: what it did not fetch is asked for, and taken as absent where no hub answers."""
    hf_hub_download(
        pushed, "config.json", endpoint=as_bear.endpoint, token=as_bear.token, cache_dir=tmp_path / "home" / "hub"
    )
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert open_repo(pushed).path("nope.json") is None
    no_sockets()

    assert open_repo(pushed).path("config.json") is not None
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert open_repo(pushed).path("nope.json") is None
    assert open_repo(pushed).files() == ["config.json"]


def test_a_cached_revision_stays_until_it_is_asked_for_anew(as_bear, pushed, api):
    old = open_repo(pushed).path("config.json")
    api.upload_file(path_or_fileobj=b'{"a": 2}', path_in_repo="config.json", repo_id=pushed)
    same = open_repo(pushed)

    assert same.path("config.json") == old
    later = same.path("sub/x.txt")
    assert later is not None
    assert old is not None
    assert later.parent.parent == old.parent, "files of one snapshot belong together"
    fresh = open_repo(pushed, force_download=True).path("config.json")
    assert fresh is not None
    assert fresh.read_text() == '{"a": 2}'
    assert open_repo(pushed).path("config.json") == fresh


def test_revisions(as_bear, pushed, api, folder):
    first = api.model_info(pushed).sha
    (folder / "config.json").write_text('{"a": 2}')
    push_folder(folder, pushed, revision="dev")
    texts = {rev: open_repo(pushed, revision=rev).path("config.json") for rev in (None, "dev", first)}

    assert {rev: path.read_text() for rev, path in texts.items() if path} == {
        None: '{"a": 1}',
        "dev": '{"a": 2}',
        first: '{"a": 1}',
    }


def test_a_snapshot_is_whole_and_then_silent(as_bear, pushed, tmp_path, no_sockets):
    some = snapshot_download(pushed, allow_patterns="*.json")
    every = snapshot_download(pushed)
    no_sockets()

    assert some == every == snapshot_download(pushed)
    assert sorted(os.listdir(every)) == [".gitattributes", "config.json", "model.safetensors", "sub"]
    assert open_repo(every).path("config.json") is not None, "a snapshot is a folder, though made of links"
    copied = snapshot_download(pushed, local_dir=tmp_path / "copy", ignore_patterns=["sub/"])
    assert sorted(os.listdir(copied)) == [".gitattributes", "config.json", "model.safetensors"]


def test_an_old_bare_name(as_bear, api):
    api.create_repo("bear/aliased", exist_ok=True)
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="bear/aliased")

    assert open_repo("oldname").path("config.json") is not None


def test_environment_variables_are_read_at_each_call(as_bear, pushed, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("BEARHUG_ENDPOINT", as_bear.endpoint)
    path = open_repo(pushed).path("config.json")

    assert path is not None
    assert path.is_relative_to(tmp_path / "elsewhere")


# what goes wrong


def test_a_hub_that_refuses_is_known_at_once(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(HubUnreachable, match=r"no hub answers at http://127\.0\.0\.1:9") as caught:
        open_repo("a/b").path("config.json")

    assert time.monotonic() - begun < 1
    assert isinstance(caught.value, OSError)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_hub_that_says_nothing_is_known_soon_and_remembered(monkeypatch, caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("BEARHUG_HUB_TIMEOUT", "0.3")
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(HubUnreachable, match=r"nothing within 0\.3 s; BEARHUG_HUB_TIMEOUT gives it longer"):
                open_repo("a/b").files()

    assert time.monotonic() - begun < 1
    assert not caplog.records


def test_offline_says_what_forbids(monkeypatch, no_sockets):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    no_sockets()
    for ask in (lambda: open_repo("a/b").path("x"), lambda: open_repo("a/b").files(), lambda: snapshot_download("a/b")):
        with pytest.raises(OSError, match="'a/b' is no folder here, not bundled and not in the cache"):
            ask()


@pytest.mark.parametrize("name", ["", " ", "./no", "/no/such", "~/x", "a/b/c", "a b", "a/../b"])
def test_what_is_no_name(name):
    with pytest.raises(OSError, match="is no folder here and no name on a hub"):
        open_repo(name)


def test_a_near_name_is_offered(as_bear, pushed):
    with pytest.raises(RepositoryNotFoundError, match=f"Did you mean '{pushed}'") as caught:
        open_repo(pushed + "x").path("config.json")

    assert isinstance(caught.value, OSError)
    for name in nursery_names():
        assert name in str(caught.value)


def test_a_revision_that_is_none_names_those_that_are(as_bear, pushed):
    with pytest.raises(RevisionNotFoundError, match=r"has no revision 'v9'\. It has 'main'"):
        open_repo(pushed, revision="v9").path("config.json")


def test_a_gated_repository_says_where_to_ask(as_bear, pushed, api, monkeypatch):
    api.update_repo_settings(pushed, gated="manual")
    monkeypatch.setenv("HF_TOKEN", ANNA_TOKEN)
    with pytest.raises(GatedRepoError, match="is closed"):
        open_repo(pushed).path("config.json")


def test_a_hidden_repository_needs_the_token(as_bear, pushed, api, monkeypatch):
    api.update_repo_settings(pushed, private=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(RepositoryNotFoundError, match="bearhug login"):
        open_repo(pushed).path("config.json")

    assert open_repo(pushed, token=as_bear.token).path("config.json") is not None


# up


def test_a_folder_is_pushed_in_one_commit(as_bear, folder, api):
    made = push_folder(folder, "pushed-once", commit_message="All of it")
    commits = api.list_repo_commits("bear/pushed-once")

    assert [commit.title for commit in commits] == ["All of it", "initial commit"]
    assert made.oid == commits[0].commit_id
    assert api.list_repo_files("bear/pushed-once") == [
        ".gitattributes",
        "config.json",
        "model.safetensors",
        "sub/x.txt",
    ]


def test_a_push_may_be_hidden_a_data_set_or_a_proposal(as_bear, folder, api, repo):
    push_folder(folder, "bear/pushed-rows", repo_type="dataset", private=True)
    proposal = push_folder(folder, repo, create_pr=True)

    assert api.dataset_info("bear/pushed-rows").private
    assert proposal.pr_num == 1


def test_a_push_without_a_login_says_how(as_bear, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(LocalTokenNotFoundError, match="nobody is logged in") as caught:
        push_folder(folder, "x")

    assert "bearhug login" in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_a_push_to_a_hub_that_does_not_answer(folder, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match="no hub answers"):
        push_folder(folder, "x", token="hf_x")


@pytest.mark.parametrize(
    ("name", "token", "text"),
    [("den/x", ANNA_TOKEN, "may not write"), ("x", "hf_wrong", "does not accept this login")],
)
def test_a_push_that_is_refused(as_bear, folder, name, token, text):
    with pytest.raises(HfHubHTTPError, match=text) as caught:
        push_folder(folder, name, token=token)

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_push_of_nothing(as_bear, tmp_path):
    with pytest.raises(ValueError, match="no files"):
        push_folder(tmp_path, "x")
    (tmp_path / "a").write_text("x")
    with pytest.raises(ValueError, match="no name"):
        push_folder(tmp_path, "a/b/c")


def test_no_bar_is_drawn_for_nobody(as_bear, folder):
    """In a pipe, a push and a load print nothing."""
    code = f"from bearhug.hub import *; push_folder({str(folder)!r}, 'quiet'); snapshot_download('bear/quiet')"
    env = {name: value for name, value in os.environ.items() if "PROGRESS" not in name}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_hub_begun_anew_is_asked_for_its_own_commit(as_bear, pushed, tmp_path):
    """The cache holds a commit that the hub does not know, as after a fresh hub at the same address."""
    storage = tmp_path / "home" / "hub" / f"models--{pushed.replace('/', '--')}"
    (storage / "refs").mkdir(parents=True)
    (storage / "refs" / "main").write_text("0" * 40)

    assert open_repo(pushed).path("config.json") is not None


def test_a_file_that_is_missing_of_a_cached_revision_needs_the_hub(as_bear, pushed, monkeypatch):
    open_repo(pushed).path("config.json")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match=r"'model\.safetensors' of .* is not in the cache, and no hub answers"):
        open_repo(pushed).path("model.safetensors")


def test_a_bare_name_is_ones_own_in_the_card_too(as_bear, api):
    """Pushed again under the bare name, a data set keeps what its card said."""
    from bearhug import Dataset

    rows = Dataset.from_dict({"text": ["a", "b"]})
    rows.push_to_hub("own-rows")
    where = {"repo_id": "bear/own-rows", "repo_type": "dataset"}
    api.upload_file(path_or_fileobj=b"---\nlicense: mit\n---\n# Mine\n", path_in_repo="README.md", **where)
    rows.push_to_hub("own-rows")
    card = open_repo("bear/own-rows", repo_type="dataset", force_download=True).path("README.md")

    assert card is not None
    assert "license: mit" in card.read_text()
    assert "# Mine" in card.read_text()
