"""Law 5, offline is silent: nothing that is cached, local or bundled opens a socket, not even to fail.

Each case runs in a process of its own in which making a socket, or resolving a name, ends it with an error. The
endpoint is one that does not answer; nothing says that the machine is offline.
"""

import os
import subprocess
import sys

import pytest

from bearhug.hub import push_folder, snapshot_download
from bearhug.hub.client import NURSERY
from bearhug.hub.server import local

GUARD = """
import os, socket
from bearhug.hub import open_repo, snapshot_download
def refuse(*_, **__):
    os.write(2, b"a socket was opened")
    os._exit(1)
socket.socket = socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose cache holds the model bear/cached, whole, and of bear/partly one file."""
    folder, home = tmp_path_factory.mktemp("folder"), tmp_path_factory.mktemp("home")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    patch = pytest.MonkeyPatch()
    with local() as hub, patch.context() as env:
        env.setenv("HF_ENDPOINT", hub.endpoint)
        env.setenv("HF_TOKEN", hub.token)
        env.setenv("HF_HOME", str(home))
        for name in ("cached", "partly"):
            (folder / "weights.bin").write_bytes(os.urandom(5000))
            push_folder(folder, f"bear/{name}")
        snapshot_download("bear/cached")
        snapshot_download("bear/partly", allow_patterns="*.json")
    return home


def run(code: str, home) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "HF_HUB_CACHE")}
    env |= {"HF_HOME": str(home), "HF_ENDPOINT": "http://127.0.0.1:9"}
    return subprocess.run([sys.executable, "-c", GUARD + code], capture_output=True, text=True, env=env, cwd=home)


SILENT = {
    "import": "import bearhug; [getattr(bearhug.hub, name) for name in bearhug.hub.NAMES]",
    "cached file": "assert open_repo('bear/cached').path('config.json').is_file()",
    "absent file of a cached revision": "assert open_repo('bear/cached').path('no') is None",
    "its list": "assert 'weights.bin' in open_repo('bear/cached').files()",
    "whole snapshot": "snapshot_download('bear/cached')",
    "cached part of a snapshot": "snapshot_download('bear/partly', allow_patterns='*.json')",
    "absent file of a part": "assert open_repo('bear/partly').path('no.json') is None",
    "a folder": "assert open_repo('.').files()",
    "the nursery": """
from bearhug.hub import open_repo
from bearhug.hub.client import nursery_names
for kind in ("model", "dataset"):
    for name in nursery_names(kind):
        repo = open_repo(name, repo_type=kind)
        assert repo.files() and repo.path("README.md").is_file() and repo.path("no such file") is None
""",
}


@pytest.mark.parametrize("code", SILENT.values(), ids=SILENT.keys())
def test_what_is_here_opens_no_socket(code, home):
    done = run(code, home)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_guard_sees_a_socket(home):
    """What is not cached does ask: so the cases above could have failed."""
    done = run("open_repo('bear/partly').path('weights.bin')", home)

    assert "a socket was opened" in done.stderr


@pytest.mark.reference
def test_what_transformers_has_cached_opens_no_socket(tmp_path, monkeypatch):
    """It fetches file by file and keeps no list; what belongs together was fetched together."""
    fill = """
from transformers import AutoModelForCausalLM, AutoTokenizer
AutoModelForCausalLM.from_pretrained("bear/writer"), AutoTokenizer.from_pretrained("bear/writer")
"""
    with local() as hub:
        env = os.environ | {"HF_HOME": str(tmp_path), "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token}
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        push_folder(NURSERY / "storyteller", "bear/writer", token=hub.token)
        subprocess.run([sys.executable, "-c", fill], env=env, check=True, capture_output=True)
    done = run(
        "from bearhug import pipeline; print(pipeline('text-generation', 'bear/writer')('Once', max_new_tokens=3))",
        tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert "generated_text" in done.stdout
