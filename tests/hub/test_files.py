"""Reading files over plain HTTP: ranges, tags, headers; and bytes of a stranger's that must not run in a browser."""

import hashlib
import random

import pytest

WEIGHTS = random.Random(3).randbytes(300_000)
TEXT = b"hello, hub\n"


@pytest.fixture(scope="module")
def files(hub, api):
    """A repository with a text, weights that came over Xet, a page, an empty file."""
    api.create_repo("bear/files", exist_ok=True)
    for name, data in {"a.txt": TEXT, "w.bin": WEIGHTS, "x.html": b"<script>1</script>", "empty": b""}.items():
        api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id="bear/files")
    with hub.http(hub.token) as http:
        yield http


@pytest.mark.parametrize(("name", "data"), [("a.txt", TEXT), ("w.bin", WEIGHTS)])
@pytest.mark.parametrize("span", ["0-0", "3-7", "5-", "-4", "0-999999999", "-999999999"])
def test_a_range_is_that_part(files, name, data, span):
    answer = files.get(f"/bear/files/resolve/main/{name}", headers={"Range": f"bytes={span}"})
    first, _, last = span.partition("-")
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last) + 1, len(data)) if first and last else len(data)

    assert answer.status_code == 206
    assert answer.content == data[start:end]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"
    assert answer.headers["Content-Length"] == str(end - start)


def test_every_range_across_chunks_is_right(files):
    """Chunks of Xet are cut by content; a range may begin and end anywhere in them."""
    chance = random.Random(4)
    for _ in range(15):
        start = chance.randrange(len(WEIGHTS))
        end = chance.randrange(start, len(WEIGHTS))
        answer = files.get("/bear/files/resolve/main/w.bin", headers={"Range": f"bytes={start}-{end}"})

        assert answer.content == WEIGHTS[start : end + 1]


def test_a_range_outside(files):
    answer = files.get("/bear/files/resolve/main/a.txt", headers={"Range": "bytes=11-"})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */11"
    assert files.get("/bear/files/resolve/main/empty", headers={"Range": "bytes=0-"}).status_code == 416


@pytest.mark.parametrize("span", ["bytes=5-3", "bytes=a-b", "chunks=1-2", "bytes=-", "bytes=0-1,3-4"])
def test_a_range_that_is_none_gives_the_whole(files, span):
    answer = files.get("/bear/files/resolve/main/a.txt", headers={"Range": span})

    assert (answer.status_code, answer.content) == (200, TEXT)


def test_tags_name_the_content(files):
    text, large = (files.head(f"/bear/files/resolve/main/{name}") for name in ("a.txt", "w.bin"))
    blob = hashlib.sha1(b"blob 11\0" + TEXT).hexdigest()

    assert text.headers["ETag"] == f'"{blob}"'
    assert large.headers["ETag"] == large.headers["X-Linked-Etag"] == f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
    assert large.headers["X-Linked-Size"] == large.headers["Content-Length"] == "300000"
    assert len(large.headers["X-Xet-Hash"]) == 64
    assert large.links["xet-auth"]["url"].endswith(f"/xet-read-token/{large.headers['X-Repo-Commit']}")
    assert "X-Xet-Hash" not in text.headers
    assert "Content-Encoding" not in text.headers


def test_a_known_tag_is_not_sent_again(files):
    tag = files.head("/bear/files/resolve/main/a.txt").headers["ETag"]
    same = files.get("/bear/files/resolve/main/a.txt", headers={"If-None-Match": f'W/"x", {tag}'})
    other = files.get("/bear/files/resolve/main/a.txt", headers={"If-None-Match": '"x"'})
    stale = files.get("/bear/files/resolve/main/a.txt", headers={"Range": "bytes=0-1", "If-Range": '"x"'})
    fresh = files.get("/bear/files/resolve/main/a.txt", headers={"Range": "bytes=0-1", "If-Range": tag})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert (other.status_code, stale.status_code, fresh.status_code) == (200, 200, 206)


def test_head_says_the_size_of_the_empty_file(files):
    answer = files.head("/bear/files/resolve/main/empty")

    assert answer.headers["Content-Length"] == "0"
    assert len(answer.headers["X-Repo-Commit"]) == 40


def test_raw_gives_the_pointer(files):
    pointer = files.get("/bear/files/raw/main/w.bin").text

    assert pointer.startswith("version https://git-lfs.github.com/spec/v1\noid sha256:")
    assert files.get("/bear/files/raw/main/a.txt").content == TEXT


def test_a_strangers_page_does_not_run(files):
    answer = files.get("/bear/files/resolve/main/x.html")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_download_names_the_file(files):
    shown = files.get("/bear/files/resolve/main/a.txt").headers["Content-Disposition"]
    kept = files.get("/bear/files/resolve/main/a.txt?download=true").headers["Content-Disposition"]

    assert shown == "inline; filename*=UTF-8''a.txt; filename=\"a.txt\";"
    assert kept.startswith("attachment; ")


def test_what_is_not_there_says_what_is_not(files):
    commit = files.head("/bear/files/resolve/main/a.txt").headers["X-Repo-Commit"]
    entry, revision, repo = (
        files.head(f"/bear/{path}")
        for path in ("files/resolve/main/no", "files/resolve/no/a.txt", "no/resolve/main/a.txt")
    )

    assert (entry.status_code, entry.headers["X-Error-Code"], entry.headers["X-Repo-Commit"]) == (
        404,
        "EntryNotFound",
        commit,
    )
    assert (revision.status_code, revision.headers["X-Error-Code"]) == (404, "RevisionNotFound")
    assert revision.headers["X-Error-Message"] == "Invalid rev id: no"
    assert (repo.status_code, repo.headers["X-Error-Code"]) == (404, "RepoNotFound")


def test_a_revision_is_one_segment_or_a_bare_ref(files):
    for revision in ("refs%2Fheads%2Fmain", "refs/heads/main"):
        assert files.get(f"/bear/files/resolve/{revision}/a.txt").content == TEXT


@pytest.mark.parametrize("path", ["..%2Fa.txt", "%2e%2e/a.txt", ".git/config", "a.txt%00", "%ff", "a.txt/", "a.txt/b"])
def test_a_path_that_leads_astray_is_not_there(files, path):
    answer = files.get(f"/bear/files/resolve/main/{path}")

    assert answer.status_code in (400, 404)
    assert TEXT not in answer.content


def test_a_commits_files_are_kept_for_ever_by_caches_and_private_ones_never(files, api):
    commit = files.head("/bear/files/resolve/main/a.txt").headers["X-Repo-Commit"]
    by_commit = files.head(f"/bear/files/resolve/{commit}/a.txt").headers["Cache-Control"]
    by_branch = files.head("/bear/files/resolve/main/a.txt").headers["Cache-Control"]
    api.create_repo("bear/hidden-files", private=True)
    hidden = files.head("/bear/hidden-files/resolve/main/.gitattributes").headers["Cache-Control"]

    assert "immutable" in by_commit
    assert "immutable" not in by_branch
    assert hidden == "private, no-store"


def test_a_basic_password_may_be_the_token(hub, files):
    with hub.http() as http:
        for pair in (("anyone", hub.token), (hub.token, "")):
            assert http.get("/bear/hidden-files/resolve/main/.gitattributes", auth=pair).status_code == 200
        assert http.get("/bear/hidden-files/resolve/main/.gitattributes", auth=("a", "b")).status_code == 401


def test_every_answer_has_a_request_id(files):
    assert files.get("/api/whoami-v2", headers={"X-Request-Id": "abc"}).headers["X-Request-Id"] == "abc"
    assert files.get("/nowhere/at/all").headers["X-Request-Id"]


def test_an_unknown_address_is_json_for_programs(files):
    answer = files.get("/api/nonsense")

    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})
