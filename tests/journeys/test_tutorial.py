"""The tutorial as a stranger walks it: one command, offline, exit 0; and its code as one script that runs by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Python imports this at start-up in every process of the tutorial, its hub and its workers included.
GUARD = """
import os, socket
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex
def _check(address):
    if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        with open(os.environ["ATTEMPTS"], "a") as file:
            file.write(f"{address}\\n")
        raise OSError(f"no way out to {address}")
def connect(self, address):
    _check(address)
    return _connect(self, address)
def connect_ex(self, address):
    _check(address)
    return _connect_ex(self, address)
socket.socket.connect, socket.socket.connect_ex = connect, connect_ex
_lookup = socket.getaddrinfo
def lookup(host, *args, **options):
    if host not in (None, "", "127.0.0.1", "::1", "localhost", b"127.0.0.1", b"localhost"):
        _check((host, 0))
    return _lookup(host, *args, **options)
socket.getaddrinfo = lookup
"""


@pytest.fixture
def alone(tmp_path):
    """The environment of a person with an empty home and no network, and the file that attempts are written to."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    (tmp_path / "attempts").touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "BEARHUG_"))}
    env |= {
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(tmp_path / "guard"),
        "ATTEMPTS": str(tmp_path / "attempts"),
        "OMP_NUM_THREADS": "2",
    }
    return env, tmp_path / "attempts"


@pytest.mark.slow
def test_the_tutorial_ends_well_and_opens_no_socket_but_loopback(alone, tmp_path):
    env, attempts = alone
    command = [str(Path(sys.executable).parent / "bearhug"), "tutorial"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert attempts.read_text() == ""
    assert "POSITIVE" in done.stdout
    assert "NEGATIVE" in done.stdout


@pytest.mark.slow
def test_the_tutorials_code_is_one_script_that_runs_by_itself(alone, tmp_path):
    env, attempts = alone
    command = [str(Path(sys.executable).parent / "bearhug"), "tutorial", "--code"]
    code = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "tutorial.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "tutorial.py"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert attempts.read_text() == ""
