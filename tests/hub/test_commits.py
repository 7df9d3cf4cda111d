"""The commit as bytes on the wire: what it means, and what is refused before it costs anything."""

import base64
import hashlib
import json

import pytest

from hub.conftest import ANNA_TOKEN


def line(key: str, **value) -> str:
    return json.dumps({"key": key, "value": value})


def text(path: str, content: str = "x") -> str:
    return line("file", path=path, content=content)


HEADER = line("header", summary="s")


@pytest.fixture
def commit(hub, repo):
    """Send lines to main; the answer."""
    with hub.http(hub.token) as http:
        yield lambda *lines: http.post(f"/api/models/{repo}/commit/main", content="\n".join(lines))


@pytest.fixture
def names(api, repo):
    return lambda: api.list_repo_files(repo)


def test_a_commit_is_answered_with_its_address(hub, repo, commit, api):
    answer = commit(HEADER, text("a.txt"), line("file", path="b", content="aGk=", encoding="base64")).json()

    assert answer["commitOid"] == api.model_info(repo).sha
    assert answer["commitUrl"] == f"{hub.endpoint}/{repo}/commit/{answer['commitOid']}"
    assert answer["success"]


def test_operations_apply_in_order(commit, names):
    commit(HEADER, text("a/b.txt"), text("c.txt"))
    commit(HEADER, line("deletedFile", path="c.txt"), text("c.txt", "new"), line("deletedFolder", path="a/"), text("a"))

    assert names() == [".gitattributes", "a", "c.txt"]


def test_a_copy_of_another_clients(commit, names, hub, repo):
    commit(HEADER, text("a.txt", "old"))
    commit(HEADER, line("copyFile", srcPath="a.txt", srcRev="main", path="d/b.txt"))
    with hub.http() as http:
        assert http.get(f"/{repo}/resolve/main/d/b.txt").text == "old"
    assert commit(HEADER, line("copyFile", srcPath="no", srcRev="main", path="x")).status_code == 404


def test_a_folder_that_loses_its_last_file_is_gone(commit, api, repo):
    commit(HEADER, text("a/b/c.txt"), text("k.txt"))
    commit(HEADER, line("deletedFile", path="a/b/c.txt"))

    assert [entry.path for entry in api.list_repo_tree(repo, recursive=True)] == [".gitattributes", "k.txt"]


def test_nothing_changed_makes_no_commit(commit):
    first = commit(HEADER, text("a.txt")).json()["commitOid"]

    assert commit(HEADER, text("a.txt")).json()["commitOid"] == first


def test_a_part_of_the_parents_id_is_enough(commit, api, repo):
    head = api.model_info(repo).sha

    assert commit(line("header", summary="s", parentCommit=head[:7]), text("a.txt")).status_code == 200
    assert commit(line("header", summary="s", parentCommit=head[:7]), text("b.txt")).status_code == 412


def test_one_bad_operation_leaves_nothing(commit, names):
    for bad in (line("deletedFile", path="no"), line("deletedFolder", path="no"), text("../x"), text("a.txt/b")):
        answer = commit(HEADER, text("a.txt"), bad)

        assert answer.status_code in (404, 422)
    assert names() == [".gitattributes"]


def test_missing_files_say_so(commit):
    answer = commit(HEADER, line("deletedFile", path="no"))

    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert answer.json()["error"] == "A file with this name doesn't exist"


@pytest.mark.parametrize(
    "path", ["..\\x", "../x", "/etc/passwd", "a//b", ".git/config", "a/.GIT/b", "a\u0000b", "a\nb", "x" * 300, ""]
)
def test_a_path_that_leads_astray_is_refused(commit, names, path):
    assert commit(HEADER, text(path)).status_code == 422
    assert names() == [".gitattributes"]


def test_a_file_cannot_take_a_folders_place(commit):
    commit(HEADER, text("a/b.txt"))

    assert commit(HEADER, text("a")).status_code == 422
    assert commit(HEADER, text("a/b.txt/c")).status_code == 422


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["not json"],
        ["[" * 100_000],
        [text("a")],
        [line("header")],
        [line("header", summary="")],
        [line("header", summary="s", parentCommit="zz")],
        [line("header", summary="s", parentCommit="abc")],
        [HEADER, line("unknown", path="a")],
        [HEADER, '{"key": "file"}'],
        [HEADER, "[]"],
        [HEADER, line("file", path=1, content="x")],
        [HEADER, line("file", path="a")],
        [HEADER, line("file", path="a", content="$$$", encoding="base64")],
        [HEADER, line("lfsFile", path="a", algo="sha256", oid="../../x", size=1)],
        [HEADER, line("lfsFile", path="a", algo="md5", oid="a" * 64, size=1)],
        [HEADER, line("lfsFile", path="a", algo="sha256", oid="a" * 64, size=1)],
    ],
    ids=lambda lines: str(lines)[:40],
)
def test_a_shapeless_commit_is_refused(commit, names, lines):
    assert commit(*lines).status_code == 400
    assert names() == [".gitattributes"]


def test_a_regular_file_that_is_too_large_is_refused(commit):
    data = base64.b64encode(bytes(11 * 2**20)).decode()

    assert commit(HEADER, line("file", path="a", content=data, encoding="base64")).status_code == 413


def test_another_ones_secret_cannot_be_named_by_its_hash(hub, api, repo):
    """Anna knows the hash of bear's hidden weights; that does not give her the weights."""
    secret = b"secret weights" * 1000
    api.create_repo(f"{repo}-hidden", private=True)
    api.upload_file(path_or_fileobj=secret, path_in_repo="w.bin", repo_id=f"{repo}-hidden")
    oid = hashlib.sha256(secret).hexdigest()
    hub.api(ANNA_TOKEN).create_repo("anna/thief", exist_ok=True)
    steal = "\n".join([HEADER, line("lfsFile", path="w.bin", algo="sha256", oid=oid, size=len(secret))])
    with hub.http(ANNA_TOKEN) as http:
        before = http.post("/api/models/anna/thief/commit/main", content=steal)
        batch = {"operation": "upload", "objects": [{"oid": oid, "size": len(secret)}]}
        offered = http.post("/anna/thief.git/info/lfs/objects/batch", json=batch).json()
        fetched = http.post(
            "/anna/thief.git/info/lfs/objects/batch", json={**batch, "operation": "download"}
        ).json()  # fmt: skip
        api.update_repo_settings(f"{repo}-hidden", private=False)
        after = http.post("/api/models/anna/thief/commit/main", content=steal)

    assert before.status_code == 400
    assert before.json()["error"] == f"LFS object {oid} not found"
    assert "actions" in offered["objects"][0], "she must send it, as if it were not here"
    assert fetched["objects"][0]["error"]["code"] == 404
    assert after.status_code == 200, "what she can read she may name"


def test_writing_needs_a_login(hub, repo):
    with hub.http() as http:
        for path, body in (
            (f"/api/models/{repo}/commit/main", HEADER),
            (f"/api/models/{repo}/preupload/main", '{"files": []}'),
        ):
            assert http.post(path, content=body).status_code == 401
        assert http.post("/api/repos/create", json={"name": "x"}).status_code == 401


def test_a_session_cookie_cannot_write_to_the_api(hub, repo):
    """Another site's form could send it."""
    with hub.http() as http:
        http.cookies.set("bearhug_session", "x")
        assert http.post(f"/api/models/{repo}/commit/main", content=HEADER).status_code == 401


def test_preupload_says_how_each_file_goes(hub, api, repo):
    api.upload_file(path_or_fileobj=b"one", path_in_repo="there.txt", repo_id=repo)
    api.upload_file(path_or_fileobj=b"one", path_in_repo="there.bin", repo_id=repo)

    def sample(data: bytes) -> str:
        return base64.b64encode(data).decode()

    files = [
        {"path": "a.bin", "size": 3, "sample": sample(b"abc")},
        {"path": "a.txt", "size": 3, "sample": sample(b"abc")},
        {"path": "a.dat", "size": 3, "sample": sample(b"a\0c")},
        {"path": "ü.txt", "size": 512, "sample": sample(b"x" * 511 + "ü".encode()[:1])},
        {"path": "big.txt", "size": 11 * 2**20, "sample": sample(b"abc")},
        {"path": "there.txt", "size": 3, "sample": sample(b"one")},
        {"path": "there.bin", "size": 3, "sample": sample(b"one")},
        {"path": "x.log", "size": 3, "sample": ""},
    ]
    with hub.http(hub.token) as http:
        answer = http.post(f"/api/models/{repo}/preupload/main", json={"files": files, "gitIgnore": "*.log"}).json()
    said = {file["path"]: file for file in answer["files"]}

    assert {path: file["uploadMode"] for path, file in said.items()} == {
        "a.bin": "lfs", "a.txt": "regular", "a.dat": "lfs", "ü.txt": "regular", "big.txt": "lfs",
        "there.txt": "regular", "there.bin": "lfs", "x.log": "regular",
    }  # fmt: skip
    assert [path for path, file in said.items() if file["shouldIgnore"]] == ["x.log"]
    assert said["there.txt"]["oid"] == hashlib.sha1(b"blob 3\0one").hexdigest()
    assert said["there.bin"]["oid"] == hashlib.sha256(b"one").hexdigest()
    assert said["a.txt"]["oid"] is None


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("---\nlicense: mit\n---\nhi", 200),
        ("no front matter", 200),
        ("---\n- a\n---\n", 400),
        ("---\na: [\n---\n", 400),
        ("---\na: &x [1]\nb: *x\n---\n", 400),
        (f"---\na: {'[' * 40}{']' * 40}\n---\n", 400),
        ("---\ntags: 3\n---\n", 400),
        ("---\nmodel-index: nothing\n---\n", 400),
        ("---\ndate: 2026-01-31\n---\n", 200),
    ],
)
def test_a_card_is_checked(hub, content, status):
    with hub.http() as http:
        answer = http.post("/api/validate-yaml", json={"content": content, "repoType": "model"})

    assert answer.status_code == status
    assert bool(answer.json()["errors"]) == (status == 400)


@pytest.mark.parametrize("body", ["", "null", "[]", "{", "1", '"x"', "[" * 100_000])
def test_a_body_that_is_no_object_is_refused(hub, body):
    with hub.http(hub.token) as http:
        assert http.post("/api/repos/create", content=body).status_code == 400
        assert http.post("/api/repos/create", content=b"x" * (5 * 2**20)).status_code == 413


def test_empty_files_and_their_neighbours_stay_apart(hub, repo, commit):
    commit(HEADER, text("a", "one"), text("b", ""), text("c", "two"), text("d", ""))
    with hub.http() as http:
        assert [http.get(f"/{repo}/resolve/main/{name}").text for name in "abcd"] == ["one", "", "two", ""]
