"""Starting a hub: the first user, the file of people, the command; and one beside a script."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from typer.testing import CliRunner

from bearhug.hub.server import local
from bearhug.hub.server.database import Database
from bearhug.hub.server.running import apply_file

COMMAND = "import typer; from bearhug.cli.hub import hub; typer.run(hub)"


def start(data: Path, *words: str) -> tuple[subprocess.Popen, str]:
    """A hub in a process of its own: (it, what it printed until it listened)."""
    command = [sys.executable, "-u", "-c", COMMAND, "--port", "0", "--data", str(data), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = ""
    assert process.stdout is not None
    while "Stop it with" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return process, said


def stop(process: subprocess.Popen, how: int = signal.SIGINT) -> None:
    process.send_signal(how)
    process.wait(timeout=20)
    assert process.stdout is not None
    process.stdout.close()


def test_the_first_start_makes_a_user_and_says_so_once(tmp_path):
    process, said = start(tmp_path / "data")
    endpoint = re.search(r"hub at (\S+),", said)
    token = re.search(r"token +(hf_\w{34})", said)
    password = re.search(r"password +(\S+)", said)
    assert endpoint
    assert token
    assert password
    assert HfApi(endpoint=endpoint[1], token=token[1]).whoami()["auth"]["accessToken"]["role"] == "write"
    stop(process)
    process, said = start(tmp_path / "data")
    stop(process, signal.SIGTERM)

    assert "token" not in said
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("hub.sqlite*"))
    assert token[1].encode() not in kept, "only a hash of it is kept"
    assert password[1].encode() not in kept


def test_a_file_of_people_is_applied_again_and_again(tmp_path):
    people = {
        "users": [{"name": "ann", "email": "a@b.c", "password": "pw", "tokens": [{"token": "hf_a", "role": "read"}]}],
        "organizations": [{"name": "org", "fullname": "Org", "members": {"ann": "write"}, "private_by_default": True}],
        "aliases": {"gpt2": "openai-community/gpt2"},
    }  # fmt: skip
    file = tmp_path / "people.json"
    file.write_text(json.dumps(people))
    for _ in range(2):
        process, said = start(tmp_path / "data", "--apply", str(file))
        stop(process)
        assert "first user" not in said
    people["users"][0]["tokens"][0]["role"] = "write"
    people["organizations"][0]["members"]["ann"] = "admin"
    file.write_text(json.dumps(people))
    db = Database(tmp_path / "data" / "hub.sqlite")
    apply_file(db, file)
    db.close()
    with sqlite3.connect(tmp_path / "data" / "hub.sqlite") as kept:
        counts = {
            table: kept.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("accounts", "tokens")
        }
        role = kept.execute("SELECT role FROM tokens").fetchone()
        member = kept.execute("SELECT role FROM members").fetchone()
        alias = kept.execute("SELECT * FROM aliases").fetchone()
    kept.close()

    assert (counts, role, member) == ({"accounts": 2, "tokens": 1}, ("write",), ("admin",))
    assert alias == ("gpt2", "openai-community/gpt2")


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("[", "Expecting"),
        ([], "attribute"),
        ({"users": [{}]}, "lacks 'name'"),
        ({"users": [{"name": "api"}]}, "reserved"),
        ({"users": [{"name": "a b"}]}, "no name"),
        ({"users": [{"name": "ok"}], "organizations": [{"name": "ok"}]}, "name of a user"),
        ({"users": [{"name": "ok", "tokens": [{"token": "x", "role": "god"}]}]}, "read or write"),
        ({"organizations": [{"name": "o", "members": {"nobody": "read"}}]}, "who is no user"),
        ({"aliases": {"a/b": "c/d"}}, "bare name"),
    ],
)
def test_a_file_that_cannot_be_applied_changes_nothing(tmp_path, wanted, text):
    file = tmp_path / "people.json"
    file.write_text(wanted if isinstance(wanted, str) else json.dumps(wanted))
    db = Database(tmp_path / "hub.sqlite")
    with pytest.raises(ValueError, match=re.escape(text)):
        apply_file(db, file)
    with db.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar()
    db.close()

    assert count == 0


def test_an_address_that_is_taken_says_what_to_do(tmp_path):
    from bearhug.cli.hub import hub

    with local() as other:
        port = other.endpoint.rsplit(":", 1)[1]
        import typer

        app = typer.Typer()
        app.command()(hub)
        result = CliRunner().invoke(app, ["--port", port, "--data", str(tmp_path)])

    assert result.exit_code == 1
    assert "bearhug hub --port 0" in result.output


def test_a_hub_beside_a_script_keeps_its_folder(tmp_path):
    for _ in range(2):
        with local(tmp_path / "data", user="ann") as hub:
            HfApi(endpoint=hub.endpoint, token=hub.token).create_repo("ann/x", exist_ok=True)

            assert (hub.user, hub.data) == ("ann", tmp_path / "data")
    assert sorted(os.listdir(tmp_path / "data")) == ["hub.sqlite", "objects"]


def test_downloads_are_counted(tmp_path):
    with local(tmp_path / "data") as hub:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        api.create_repo("bear/x")
        from huggingface_hub import get_session

        url = f"{hub.endpoint}/bear/x/resolve/main/.gitattributes"
        for _ in range(3):
            get_session().get(url, headers={"X-HF-Download-Counter": "1"})
        get_session().get(url)
    with local(tmp_path / "data") as hub:
        assert HfApi(endpoint=hub.endpoint, token=hub.token).model_info("bear/x").downloads == 3
