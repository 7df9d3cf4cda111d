"""Logging in and out: the files are those of `hf`, and each sees what the other did."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub.errors import LocalTokenNotFoundError
from typer.testing import CliRunner

import bearhug
from bearhug.cli.login import auth
from bearhug.hub import account
from hub.conftest import ANNA_TOKEN


@pytest.fixture
def home(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "home"


def hf(*words: str) -> str:
    done = subprocess.run([Path(sys.executable).parent / "hf", *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_login_is_seen_by_hf_and_the_reverse(hub, home, capsys):
    bearhug.login(hub.token)

    assert "Logged in at" in capsys.readouterr().out
    assert "bear" in hf("auth", "whoami")
    hf("auth", "login", "--token", ANNA_TOKEN, "--force")
    assert bearhug.whoami()["name"] == "anna"
    assert set(account.stored_tokens()) == {"local", "applied-0"}
    account.switch("local")
    assert "bear" in hf("auth", "whoami")
    hf("auth", "logout")
    assert account.current_token() is None


def test_the_token_is_its_owners_to_read(hub, home):
    bearhug.login(hub.token)

    for name in ("token", "stored_tokens"):
        assert stat.S_IMODE(os.stat(home / name).st_mode) == 0o600


def test_logging_out(hub, home):
    bearhug.login(hub.token)
    bearhug.login(ANNA_TOKEN)
    bearhug.logout("applied-0")
    assert account.current_token() is None
    assert list(account.stored_tokens()) == ["local"]
    with pytest.raises(ValueError, match="no token is called 'x'"):
        bearhug.logout("x")
    bearhug.logout()

    assert not (home / "token").exists()
    assert account.stored_tokens() == {}


def test_the_environment_goes_first(hub, home, monkeypatch):
    bearhug.login(hub.token)
    monkeypatch.setenv("HF_TOKEN", ANNA_TOKEN)

    assert bearhug.whoami()["name"] == "anna"
    assert bearhug.whoami(token=hub.token)["name"] == "bear"
    with pytest.raises(OSError, match="unset HF_TOKEN"):
        bearhug.logout()


def test_nobody_is_logged_in(home):
    with pytest.raises(LocalTokenNotFoundError, match="bearhug login"):
        bearhug.whoami()


def test_a_wrong_token_is_not_kept(home):
    with pytest.raises(ValueError, match="does not know this token"):
        bearhug.login("hf_wrong")

    assert not home.exists() or not (home / "token").exists()


def test_without_a_terminal_a_token_is_needed(home):
    with pytest.raises(ValueError, match="no terminal to ask in"):
        bearhug.login()


def test_in_a_terminal_it_is_asked_for(hub, home, monkeypatch, capsys):
    monkeypatch.setattr(account, "_interactive", lambda: True)
    monkeypatch.setattr(account, "getpass", lambda prompt: f" {hub.token}\n")
    bearhug.login()
    assert bearhug.whoami()["name"] == "bear"
    bearhug.login()

    assert "Already logged in" in capsys.readouterr().out


def test_enter_alone_goes_by_browser(hub, home, monkeypatch, capsys):
    """The person who would open the page is played by the hub's own database."""
    from bearhug.hub.server.database import Database
    from bearhug.hub.server.queries import accounts

    def person(seconds: float) -> None:
        code = capsys.readouterr().out.split("Code")[1].split()[0]
        db = Database(hub.data / "hub.sqlite")
        with db.write() as connection:
            who = accounts.find(connection, "anna")
            assert who is not None
            accounts.decide_device(connection, code, who.id, "granted")
        db.close()

    monkeypatch.setattr(account, "_interactive", lambda: True)
    monkeypatch.setattr(account, "getpass", lambda prompt: "")
    monkeypatch.setattr(account.time, "sleep", person)
    bearhug.login()

    assert bearhug.whoami()["name"] == "anna"
    assert "refresh_token" in (home / "stored_tokens").read_text()


def test_the_commands(hub, home, monkeypatch):
    run = CliRunner()

    def said(*words: str) -> tuple[int, str]:
        result = run.invoke(auth, list(words))
        return result.exit_code, result.output

    assert said("whoami")[0] == 1
    assert said("login", "--token", "hf_wrong")[0] == 1
    assert said("login", "--token", hub.token)[0] == 0
    code, text = said("whoami")
    assert (code, "bear at" in text, "den (admin)" in text) == (0, True, True)
    assert said("list") == (0, f"* local  hf_...{hub.token[-4:]}\n")
    assert said("switch", "no")[0] == 1
    assert said("switch", "local")[0] == 0
    assert said("logout") == (0, "Logged out.\n")
