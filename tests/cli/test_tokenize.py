"""bearhug tokenize: a text, a file or what comes in; as pieces, ids, stations or a page."""

import pytest
from typer.testing import CliRunner

from bearhug import AutoTokenizer
from bearhug.cli.main import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **options: CliRunner().invoke(app, ["tokenize", *arguments], **options)


@pytest.fixture(scope="module")
def ids():
    tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
    return lambda text: " ".join(map(str, tokenizer(text)["input_ids"]))


def test_a_text_is_shown_in_pieces_without_colour_where_nobody_looks(run, ids):
    result = run("Once upon a time")

    assert result.exit_code == 0
    assert result.stdout.startswith("|Once| upon| a| time|\n")
    assert ids("Once upon a time") in result.stdout
    assert "\x1b" not in result.stdout


def test_a_file_and_what_comes_in(run, ids, tmp_path):
    (tmp_path / "story.txt").write_text("Once upon\na time.", encoding="utf-8")

    assert run("story.txt", "--ids").stdout.strip() == ids("Once upon\na time.")
    assert run("-", "--ids", input="Once more").stdout.strip() == ids("Once more")
    assert "by BPE" in run("story.txt", "--explain").stdout


def test_a_page_is_written(run, tmp_path):
    (tmp_path / "story.txt").write_text("Once upon <b>a</b> time.", encoding="utf-8")

    assert run("story.txt", "--html").stdout.startswith("story.txt.html: ")
    assert "<title>story.txt: tokens</title>" in (tmp_path / "story.txt.html").read_text(encoding="utf-8")
    assert run("Once", "--html", "--out", "one.html").exit_code == 0
    assert (tmp_path / "one.html").exists()


def test_errors_are_said_in_one_line(run, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    for arguments in (["picture.png"], ["text", "--model", "no-such-folder/at-all-here"]):
        result = run(*arguments)

        assert result.exit_code == 1
        assert result.stderr
        assert "Traceback" not in result.stderr
