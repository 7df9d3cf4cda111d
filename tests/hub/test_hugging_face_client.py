"""huggingface_hub, unmodified and in its default settings, works against the hub: what a script does with it, does."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hub.conftest import ANNA_TOKEN, READ_TOKEN

WEIGHTS = random.Random(1).randbytes(400_000)


def get(hub, repo: str, file: str, tmp_path, **options) -> bytes:
    options = {"token": hub.token, **options}
    with open(
        hf_hub_download(repo, file, endpoint=hub.endpoint, cache_dir=tmp_path / "cache", **options), "rb"
    ) as opened:
        return opened.read()


def folder(tmp_path):
    path = tmp_path / "folder"
    (path / "sub").mkdir(parents=True)
    (path / "README.md").write_text("---\nlicense: mit\n---\n# hi\n")
    (path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}')
    (path / "model.safetensors").write_bytes(WEIGHTS)
    (path / "empty.bin").write_bytes(b"")
    (path / "sub" / "ü #%?.txt").write_text("odd")
    return path


# up and down


def test_a_folder_goes_up_and_comes_back_equal(hub, api, repo, tmp_path):
    """Regular files, an empty one, odd names, and weights, which go over Xet."""
    api.upload_folder(repo_id=repo, folder_path=folder(tmp_path))
    back = snapshot_download(repo, endpoint=hub.endpoint, cache_dir=tmp_path / "cache", token=hub.token)

    names = {".gitattributes", "README.md", "config.json", "model.safetensors", "empty.bin", "sub/ü #%?.txt"}
    assert set(api.list_repo_files(repo)) == names
    for name in names - {".gitattributes"}:
        with open(f"{back}/{name}", "rb") as ours, open(tmp_path / "folder" / name, "rb") as theirs:
            assert ours.read() == theirs.read()
    (info,) = api.get_paths_info(repo, "model.safetensors")
    assert info.xet_hash is not None
    assert info.lfs is not None
    assert info.lfs.size == len(WEIGHTS)


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")  # the client's own, as it verifies
def test_weights_go_up_by_lfs_where_xet_is_off(hub, api, repo, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    data = random.Random(2).randbytes(50_000)
    api.upload_file(path_or_fileobj=data, path_in_repo="model.bin", repo_id=repo)
    (info,) = api.get_paths_info(repo, "model.bin")

    assert get(hub, repo, "model.bin", tmp_path) == data
    assert info.xet_hash is None


def test_what_came_over_xet_is_read_without_xet(hub, api, repo, tmp_path, monkeypatch):
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.bin", repo_id=repo)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)

    assert get(hub, repo, "model.bin", tmp_path) == WEIGHTS


def test_the_same_weights_go_up_again_elsewhere(hub, api, repo, tmp_path):
    """hf_xet remembers what it sent and names it again: the second repository finds it."""
    api.create_repo(f"{repo}-again")
    for name in (repo, f"{repo}-again"):
        api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.bin", repo_id=name)

    assert get(hub, f"{repo}-again", "model.bin", tmp_path) == WEIGHTS


def test_a_changed_file_shares_its_chunks(hub, api, repo, tmp_path):
    changed = WEIGHTS[:200_000] + b"other" + WEIGHTS[200_000:]
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.bin", repo_id=repo)
    api.upload_file(path_or_fileobj=changed, path_in_repo="model.bin", repo_id=repo)

    assert get(hub, repo, "model.bin", tmp_path) == changed


def test_a_range_is_read_through_the_file_system(hub, api, repo):
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.bin", repo_id=repo)
    files = HfFileSystem(endpoint=hub.endpoint, token=hub.token, skip_instance_cache=True)
    with files.open(f"{repo}/model.bin", "rb") as opened:
        opened.seek(100_000)

        assert opened.read(50) == WEIGHTS[100_000:100_050]
    assert f"{repo}/model.bin" in files.ls(repo, detail=False)


# commits


def test_operations_of_one_commit(hub, api, repo, tmp_path):
    api.upload_folder(repo_id=repo, folder_path=folder(tmp_path))
    before = api.model_info(repo).sha
    made = api.create_commit(
        repo,
        [
            CommitOperationAdd("new.txt", b"new"),
            CommitOperationCopy("config.json", "copies/config.json"),
            CommitOperationCopy("model.safetensors", "copies/model.safetensors"),
            CommitOperationDelete("empty.bin"),
            CommitOperationDelete("sub/", is_folder=True),
        ],
        commit_message="Several",
        commit_description="of them",
        parent_commit=before,
    )
    names = api.list_repo_files(repo)
    first, *_ = api.list_repo_commits(repo)

    assert names == [".gitattributes", "README.md", "config.json", "copies/config.json", "copies/model.safetensors",
                     "model.safetensors", "new.txt"]  # fmt: skip
    assert get(hub, repo, "copies/model.safetensors", tmp_path) == WEIGHTS
    assert (first.commit_id, first.title, first.message, first.authors) == (made.oid, "Several", "of them", ["bear"])


def test_an_older_revision_stays_as_it_was(hub, api, repo, tmp_path):
    first = api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=b"two", path_in_repo="a.txt", repo_id=repo)
    api.delete_file("a.txt", repo)

    assert get(hub, repo, "a.txt", tmp_path, revision=first.oid) == b"one"
    with pytest.raises(EntryNotFoundError):
        get(hub, repo, "a.txt", tmp_path)


def test_a_commit_on_an_old_parent_is_refused(api, repo):
    before = api.model_info(repo).sha
    api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id=repo)
    with pytest.raises(HfHubHTTPError, match="The branch was updated since you opened this page") as caught:
        api.upload_file(path_or_fileobj=b"two", path_in_repo="a.txt", repo_id=repo, parent_commit=before)

    assert caught.value.response.status_code == 412


def test_parallel_commits_lose_nothing(api, repo):
    def add(number: int) -> None:
        api.create_commit(repo, [CommitOperationAdd(f"{number}.txt", b"x")], commit_message=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))

    assert {f"{number}.txt" for number in range(24)} <= set(api.list_repo_files(repo))
    assert len(api.list_repo_commits(repo)) == 25


def test_a_pull_request_leaves_main_alone(hub, repo, tmp_path):
    """Anna may not write there; she proposes, and goes on proposing."""
    anna = hub.api(ANNA_TOKEN)
    made = anna.upload_file(
        path_or_fileobj=WEIGHTS[:1000], path_in_repo="x.bin", repo_id=repo, create_pr=True, commit_message="Mine"
    )
    anna.upload_file(path_or_fileobj=b"more", path_in_repo="y.txt", repo_id=repo, revision="refs/pr/1")

    assert made.pr_revision == "refs/pr/1"
    assert made.pr_num == 1
    assert get(hub, repo, "x.bin", tmp_path, revision="refs/pr/1") == WEIGHTS[:1000]
    assert "x.bin" not in anna.list_repo_files(repo)
    assert [ref.ref for ref in anna.list_repo_refs(repo, include_pull_requests=True).pull_requests or []] == [
        "refs/pr/1"
    ]
    with pytest.raises(HfHubHTTPError, match="may not write"):
        anna.upload_file(path_or_fileobj=b"x", path_in_repo="y.txt", repo_id=repo)


def test_a_broken_card_is_refused(api, repo):
    with pytest.raises((ValueError, BadRequestError)):
        api.upload_file(path_or_fileobj=b"---\na: [1\n---\n", path_in_repo="README.md", repo_id=repo)
    with pytest.raises((ValueError, BadRequestError), match="license"):
        api.upload_file(path_or_fileobj=b"---\nlicense: {a: 1}\n---\n", path_in_repo="README.md", repo_id=repo)


def test_gitignored_files_stay_at_home(api, repo, tmp_path):
    path = folder(tmp_path)
    (path / ".gitignore").write_text("*.bin\nsub/\n")
    api.upload_folder(repo_id=repo, folder_path=path)

    assert api.list_repo_files(repo) == [
        ".gitattributes",
        ".gitignore",
        "README.md",
        "config.json",
        "model.safetensors",
    ]


# repositories


def test_making_one_twice(api, repo):
    with pytest.raises(HfHubHTTPError, match="already created") as caught:
        api.create_repo(repo)

    assert caught.value.response.status_code == 409
    assert api.create_repo(repo, exist_ok=True).repo_id == repo


def test_names_are_found_in_any_case(api, repo):
    assert api.model_info(repo.upper()).id == repo


@pytest.mark.parametrize("name", ["bear/a--b", "bear/.x", "bear/x.git", "bear/" + "x" * 97])
def test_a_bad_name_is_refused(hub, name):
    with hub.http(hub.token) as http:
        answer = http.post("/api/repos/create", json={"name": name.split("/")[1]})

    assert answer.status_code == 400


def test_deleting(hub, api, repo):
    api.delete_repo(repo)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info(repo)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(repo)


def test_moving_leaves_a_way_from_the_old_name(hub, api, repo, tmp_path):
    api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id=repo)
    new = repo.replace("bear/", "den/moved-")
    api.move_repo(from_id=repo, to_id=new)

    assert get(hub, repo, "a.txt", tmp_path) == b"one"
    assert api.model_info(repo).id == new
    api.upload_file(path_or_fileobj=WEIGHTS[:99], path_in_repo="b.bin", repo_id=repo)  # POSTs follow too
    assert "b.bin" in api.list_repo_files(new)
    with pytest.raises(HfHubHTTPError, match="already exists"):
        api.move_repo(from_id=api.create_repo(f"{repo}-x").repo_id, to_id=new)


def test_an_old_bare_name_leads_to_its_owner(hub, api, tmp_path):
    api.create_repo("bear/aliased", exist_ok=True)
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="bear/aliased")

    assert get(hub, "oldname", "config.json", tmp_path) == b"{}"
    assert api.model_info("oldname").id == "bear/aliased"
    assert "config.json" in api.list_repo_files("oldname")


def test_private_repositories_are_hidden(hub, api, repo, tmp_path):
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.bin", repo_id=repo)
    api.update_repo_settings(repo, private=True)

    assert get(hub, repo, "model.bin", tmp_path) == WEIGHTS
    assert repo in [model.id for model in api.list_models(author="bear")]
    for stranger in (ANNA_TOKEN, False):
        other = hub.api(stranger)
        with pytest.raises(RepositoryNotFoundError):
            other.model_info(repo)
        with pytest.raises(RepositoryNotFoundError):
            other.list_repo_files(repo)
        with pytest.raises(RepositoryNotFoundError):
            get(hub, repo, "model.bin", tmp_path / "x", token=stranger)
        assert repo not in [model.id for model in other.list_models(author="bear")]


def test_an_organization_hides_its_own_by_default(hub, api):
    name = api.create_repo("den/secret").repo_id

    assert hub.api(ANNA_TOKEN).model_info(name).private  # she is a member
    with pytest.raises(RepositoryNotFoundError):
        hub.api(False).model_info(name)
    with pytest.raises(HfHubHTTPError, match="rights"):
        hub.api(ANNA_TOKEN).create_repo("den/hers")  # who reads


def test_a_gated_repository_shows_its_card_and_keeps_its_content(hub, api, repo, tmp_path):
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.update_repo_settings(repo, gated="auto")

    assert get(hub, repo, "a.txt", tmp_path) == b"x"
    assert hub.api(ANNA_TOKEN).model_info(repo).gated == "auto"
    for stranger in (ANNA_TOKEN, False):
        with pytest.raises(GatedRepoError):
            get(hub, repo, "a.txt", tmp_path / "x", token=stranger)


def test_a_read_token_reads(hub, repo):
    reader = hub.api(READ_TOKEN)

    assert reader.model_info(repo).id == repo
    with pytest.raises(HfHubHTTPError, match="write token"):
        reader.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)


def test_permission_can_be_asked_for(hub, api, repo):
    api.auth_check(repo, write=True)
    hub.api(ANNA_TOKEN).auth_check(repo)
    with pytest.raises(HfHubHTTPError):
        hub.api(ANNA_TOKEN).auth_check(repo, write=True)


def test_a_token_that_is_none(hub, repo):
    with pytest.raises(HfHubHTTPError) as caught:
        HfApi(endpoint=hub.endpoint, token="hf_wrong").model_info(repo)

    assert caught.value.response.status_code == 401
    assert not isinstance(caught.value, RepositoryNotFoundError)


# refs


def test_branches_and_tags(hub, api, repo, tmp_path):
    api.create_branch(repo, branch="feature/x")
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo, revision="feature/x")
    api.create_tag(repo, tag="v1", revision="feature/x")
    api.create_tag(repo, tag="v2", tag_message="second", revision="feature/x")
    refs = api.list_repo_refs(repo)

    assert {branch.name for branch in refs.branches} == {"main", "feature/x"}
    assert {tag.name: tag.target_commit for tag in refs.tags} == dict.fromkeys(
        ("v1", "v2"), refs.branches[0].target_commit
    )
    for revision in ("feature/x", "v1", "v2", refs.branches[0].target_commit[:9]):
        assert get(hub, repo, "a.txt", tmp_path, revision=revision) == b"x"
    with pytest.raises(HfHubHTTPError, match="exists already"):
        api.create_tag(repo, tag="v1")
    with pytest.raises(HfHubHTTPError, match="already exists"):
        api.create_branch(repo, branch="feature/x")
    api.create_branch(repo, branch="feature/x", exist_ok=True)
    api.delete_tag(repo, tag="v1")
    api.delete_branch(repo, branch="feature/x")
    for gone in ("v1", "feature/x", "never"):
        with pytest.raises(RevisionNotFoundError):
            api.model_info(repo, revision=gone)
    with pytest.raises(RevisionNotFoundError):
        api.delete_branch(repo, branch="v2")
    with pytest.raises(HfHubHTTPError, match="Cannot delete"):
        api.delete_branch(repo, branch="main")
    with pytest.raises(BadRequestError, match="Invalid reference"):
        api.create_branch(repo, branch="a..b")


def test_the_log_comes_in_pages(hub, api, repo):
    for number in range(4):
        api.create_commit(repo, [CommitOperationAdd("a.txt", b"%d" % number)], commit_message=f"<{number}>")
    with hub.http(hub.token) as http:
        first = http.get(f"/api/models/{repo}/commits/main", params={"limit": 3, "expand": "formatted"})
        second = http.get(first.links["next"]["url"])

    assert first.headers["X-Total-Count"] == "5"
    assert [commit["title"] for commit in first.json() + second.json()] == [
        "<3>",
        "<2>",
        "<1>",
        "<0>",
        "initial commit",
    ]
    assert first.json()[0]["formatted"]["title"] == "&lt;3&gt;"
    assert "next" not in second.links


# what a repository says


def test_a_models_info(api, repo, tmp_path):
    api.upload_folder(repo_id=repo, folder_path=folder(tmp_path))
    info = api.model_info(repo, files_metadata=True)
    files = {file.rfilename: file for file in info.siblings or []}

    assert (info.author, info.private, info.gated, info.pipeline_tag) == ("bear", False, False, "fill-mask")
    assert {"transformers", "safetensors", "bert", "fill-mask", "license:mit"} <= set(info.tags or [])
    assert info.card_data is not None
    assert info.card_data["license"] == "mit"
    assert (info.config or {})["architectures"] == ["BertForMaskedLM"]
    assert files["model.safetensors"].lfs is not None
    assert files["model.safetensors"].size == len(WEIGHTS)
    assert files["config.json"].lfs is None


def test_expand_gives_what_is_named(hub, api, repo):
    info = api.model_info(repo, expand=["author", "sha", "downloads", "cardData", "tags", "siblings"])

    assert (info.author, info.downloads, info.private) == ("bear", 0, None)
    assert len(info.sha or "") == 40
    with hub.http(hub.token) as http:
        answer = http.get(f"/api/models/{repo}", params={"expand": "nonsense"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith('"expand" must be one of [author, baseModels, cardData')


def test_parameters_are_counted_from_the_header(api, repo, tmp_path):
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3, 5), "b": torch.zeros(7, dtype=torch.float16)}, str(tmp_path / "model.safetensors"))
    api.upload_file(path_or_fileobj=tmp_path / "model.safetensors", path_in_repo="model.safetensors", repo_id=repo)
    info = api.model_info(repo, expand=["safetensors"])
    metadata = api.get_safetensors_metadata(repo)

    assert info.safetensors is not None
    assert (info.safetensors.total, info.safetensors.parameters) == (22, {"F32": 15, "F16": 7})
    assert metadata.parameter_count == {"F32": 15, "F16": 7}


def test_a_datasets_info(api):
    api.create_repo("bear/rows", repo_type="dataset")
    card = (
        b"---\nlanguage: [en]\ntask_categories: [text-classification]\nsize_categories: n<1K\n---\n# R\n\nSome rows.\n"
    )
    api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id="bear/rows", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"a\n1\n", path_in_repo="data/t.csv", repo_id="bear/rows", repo_type="dataset")
    info = api.dataset_info("bear/rows")

    assert info.description == "Some rows."
    assert {"language:en", "task_categories:text-classification", "size_categories:n<1K", "format:csv"} <= set(
        info.tags
    )
    assert [found.id for found in api.list_datasets(filter="language:en", search="ROW")] == ["bear/rows"]


def test_a_space_is_made(api):
    url = api.create_repo("bear/app", repo_type="space", space_sdk="static")
    info = api.space_info("bear/app")

    assert (url.repo_type, info.sdk) == ("space", "static")


def test_listings_find_by_name_author_and_tag(hub, api, repo, tmp_path):
    api.upload_folder(repo_id=repo, folder_path=folder(tmp_path))
    short = repo.split("/")[1]

    assert [model.id for model in api.list_models(search=short.upper())] == [repo]
    assert repo in [model.id for model in api.list_models(author="bear", filter=["bert", "license:mit"])]
    assert repo in [model.id for model in api.list_models(pipeline_tag="fill-mask", sort="created_at")]
    assert not list(api.list_models(filter="bert", author="anna"))
    assert not list(api.list_models(search="100%"))
    assert len(list(api.list_models(limit=2))) == 2
    assert len({model.id for model in api.list_models()}) > 2
    full = next(iter(api.list_models(search=short, full=True, cardData=True)))
    assert full.card_data is not None
    assert full.sha == api.model_info(repo).sha


def test_listings_come_in_pages_that_meet(hub, api):
    wanted = [model.id for model in api.list_models(author="bear")]
    with hub.http(hub.token) as http:
        found, url = [], "/api/models?author=bear&limit=3"
        while url:
            answer = http.get(url)
            found += [model["id"] for model in answer.json()]
            url = answer.links.get("next", {}).get("url")

    assert found == wanted
    assert len(found) == len(set(found)) > 3


def test_the_tree(hub, api, repo, tmp_path):
    api.upload_folder(repo_id=repo, folder_path=folder(tmp_path), commit_message="All")
    flat = {entry.path: entry for entry in api.list_repo_tree(repo)}
    deep = [entry.path for entry in api.list_repo_tree(repo, recursive=True)]
    expanded = {entry.path: entry for entry in api.list_repo_tree(repo, expand=True)}
    with hub.http(hub.token) as http:
        pages, url = [], f"/api/models/{repo}/tree/main?recursive=true&limit=2"
        while url:
            answer = http.get(url)
            pages += [entry["path"] for entry in answer.json()]
            url = answer.links.get("next", {}).get("url")
        size = http.get(f"/api/models/{repo}/treesize/main/sub").json()

    assert set(flat) == {".gitattributes", "README.md", "config.json", "empty.bin", "model.safetensors", "sub"}
    assert deep == sorted(deep) == pages
    assert "sub/ü #%?.txt" in deep
    assert expanded["config.json"].last_commit.title == "All"
    assert expanded[".gitattributes"].last_commit.title == "initial commit"
    assert expanded["sub"].last_commit.title == "All"
    assert size == {"path": "sub", "size": 3}
    for path in ("nope", "config.json"):
        with pytest.raises(EntryNotFoundError):
            list(api.list_repo_tree(repo, path))


def test_paths_info_leaves_out_what_is_not_there(api, repo, tmp_path):
    api.upload_folder(repo_id=repo, folder_path=folder(tmp_path))
    found = api.get_paths_info(repo, ["sub/", "sub", "config.json", "nope", "config.json/x"], expand=True)

    assert sorted(entry.path for entry in found) == ["config.json", "sub"]


# who


def test_whoami(hub):
    anna = hub.api(ANNA_TOKEN).whoami()

    assert (anna["name"], anna["fullname"], anna["email"]) == ("anna", "Anna B.", "anna@example.org")
    assert [(org["name"], org["roleInOrg"]) for org in anna["orgs"]] == [("den", "read")]
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        hub.api("hf_wrong").whoami()


def test_people(hub, api):
    user = api.get_user_overview("anna")
    org = api.get_organization_overview("den")

    assert (user.username, user.fullname, [one.name for one in user.orgs or []]) == ("anna", "Anna B.", ["den"])
    assert (org.name, org.num_users) == ("den", 2)
    assert {member.username for member in api.list_organization_members("den")} == {"anna", "bear"}
    with pytest.raises(HfHubHTTPError):
        api.get_user_overview("den")
