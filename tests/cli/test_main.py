"""`bearhug`: help at once, without torch; every command is there; typos are told."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import bearhug
from bearhug.cli.main import app


def test_help_names_the_commands():
    result = CliRunner().invoke(app, ["--help"])

    assert result.exit_code == 0
    for command in ("tutorial", "docs", "tokenize", "hub", "login", "logout", "whoami", "auth"):
        assert command in result.stdout
    assert "bearhug tutorial" in CliRunner().invoke(app, []).stderr + CliRunner().invoke(app, []).stdout


@pytest.mark.parametrize("command", ["tutorial", "docs", "tokenize", "hub", "login", "logout", "whoami", "auth"])
def test_each_command_has_its_help(command):
    result = CliRunner().invoke(app, [command, "-h"])

    assert result.exit_code == 0
    assert f"bearhug {command}" in result.stdout or "Usage" in result.stdout


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from bearhug.cli.main import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        "print([name for name in ('torch', 'numpy', 'pyarrow', 'httpx', 'huggingface_hub', 'starlette', 'sqlalchemy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_version():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"bearhug {bearhug.__version__}\n"


def test_a_typo_names_the_near_command():
    result = CliRunner().invoke(app, ["tutoral"])

    assert result.exit_code == 2
    assert "Did you mean 'tutorial'" in result.stderr
