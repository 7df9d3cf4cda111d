"""git's objects are git's, byte for byte; its own program is the judge."""

import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearhug.hub.server import git, patterns
from bearhug.hub.server.git import Entry


@pytest.fixture
def folder(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def run(folder, *words: str, data: bytes = b"", env: dict | None = None) -> str:
    done = subprocess.run(["git", "-C", folder, *words], input=data, capture_output=True, env=env)
    return done.stdout.decode().strip()


def test_a_blob_has_gits_id(folder):
    for content in (b"", b"hello\n", bytes(range(256))):
        assert git.object_id("blob", content) == run(folder, "hash-object", "--stdin", data=content)


def test_a_tree_has_gits_id_and_order(folder):
    blob = run(folder, "hash-object", "-w", "--stdin", data=b"x")
    below = run(folder, "mktree", data=f"100644 blob {blob}\tx".encode())
    entries = [
        Entry.of(git.FILE, "a.b", blob),
        Entry.of(git.FOLDER, "a", below),
        Entry.of(git.FILE, "a-b", blob),
        Entry.of(git.EXECUTABLE, "é", blob),
    ]
    lines = [f"{e.mode.zfill(6)} {'tree' if e.is_folder else 'blob'} {e.sha1}\t{e.name}" for e in entries]
    body = git.tree_bytes(entries)

    assert git.object_id("tree", body) == run(folder, "mktree", data="\n".join(lines).encode())
    assert list(git.read_tree(body)) == ["a-b", "a.b", "a", "é"]
    assert set(git.read_tree(body).values()) == set(entries)


def test_a_commit_has_gits_id(folder):
    tree = run(folder, "mktree")
    env = {
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    env |= {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    theirs = run(folder, "commit-tree", tree, "-m", "A title\n\nand more\n", env=env)
    when = datetime.fromtimestamp(1700000000, UTC)
    body = git.commit_bytes(tree, [], "Ann", "a@b", when, "A title\n\nand more")
    read = git.read_commit(theirs, body)

    assert git.object_id("commit", body) == theirs
    assert (read.title, read.description, read.author, read.date, read.tree) == (
        "A title",
        "and more",
        "Ann",
        when,
        tree,
    )


def test_a_persons_name_cannot_forge_a_header():
    body = git.commit_bytes("0" * 40, [], "x> 1 +0000\nparent <y", "a@b", datetime.now(UTC), "m")

    assert git.read_commit("", body).parents == ()


def test_a_pointer_is_read_back_and_other_files_are_none():
    assert git.read_pointer(git.pointer_bytes("ab" * 32, 12)) == git.Pointer("ab" * 32, 12)
    assert git.read_pointer(b"version 1\n") is None
    assert git.read_pointer(git.pointer_bytes("ab" * 32, 12) + b"x") is None


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a/", "a//b", ".", "..", "a/../b", ".git/c", "a/.GIT", "a\\b", "a\0b", "a\nb", "x" * 256, "a/" * 2100],
)  # fmt: skip
def test_a_path_that_leads_astray_is_refused(path):
    assert git.path_fault(path)


@pytest.mark.parametrize("path", ["a", ".gitattributes", "a b/ü.txt", "..x", "x.git/y", "a/" * 100 + "b"])
def test_a_plain_path_is_not(path):
    assert git.path_fault(path) is None


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12))
def test_a_branch_is_called_as_git_allows(name):
    judged = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"]) if "\0" not in name else None
    allowed = judged is not None and judged.returncode == 0

    if git.ref_fault(name) is None:
        assert allowed


@pytest.mark.parametrize("name", ["main", "feature/x", "v1.0", "ü", "a-b_c"])
def test_everyday_branches_are_allowed(name):
    assert git.ref_fault(name) is None


IGNORE = "*.log\n!keep.log\nbuild/\n/top.txt\ndocs/*.tmp\n**/deep/*.x\na/**/z\n[ab].c\n# no\n\\#yes\nq?.t\n"
PATHS = """x.log keep.log d/x.log build/a build top.txt d/top.txt docs/a.tmp docs/b/a.tmp m/deep/a.x deep/a.x a/z a/b/z
a/b/c/z a.c b.c c.c #yes q1.t q/.t src/build/y build2/y""".split()


def test_gitignore_is_read_as_git_reads_it(folder):
    (folder / ".gitignore").write_text(IGNORE)
    theirs = {path: run(folder, "check-ignore", "--no-index", "-v", path) for path in PATHS}
    theirs = {
        path: bool(said) and not said.split("\t")[0].split(":", 2)[2].startswith("!") for path, said in theirs.items()
    }

    for path in PATHS:
        if path != "build":  # a file of a folder's name: git looks at the disk, where it is not
            assert patterns.is_ignored(IGNORE, path) == theirs[path], path


def test_gitattributes_is_read_as_git_reads_it(folder):
    text = patterns.default_attributes("model") + "notes.bin -filter\nsub/*.txt filter=lfs\n*.dat !filter\n"
    (folder / ".gitattributes").write_text(text)
    paths = [
        "a.bin",
        "d/a.safetensors",
        "notes.bin",
        "sub/a.txt",
        "a.txt",
        "saved_model/x/y",
        "events.tfevents.1",
        "x.tar.gz",
    ]
    for path in paths:
        theirs = run(folder, "check-attr", "filter", "--", path).endswith(": lfs")

        assert bool(patterns.is_large(text, path)) == theirs, path


def test_a_pattern_of_many_stars_takes_no_time():
    assert not patterns.matches("*a" * 200, "a" * 500 + "b")
    assert not patterns.matches("**/a/" * 100 + "x", "a/" * 300 + "y")
