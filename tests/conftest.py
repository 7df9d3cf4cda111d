"""What every test shares: a home of its own, no way out but loopback, the folder of real data where there is one."""

import os
import socket
import tempfile
from pathlib import Path

# Before anything is imported: caches and tokens of this machine's user are neither read nor written.
_HOME = tempfile.TemporaryDirectory(prefix="bearhug-tests-")
os.environ["HF_HOME"] = _HOME.name
for _name in ("HF_TOKEN", "HF_ENDPOINT", "BEARHUG_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.pop(_name, None)
os.environ["BEARHUG_PROGRESS"] = "0"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models; the suite itself runs in two processes

import huggingface_hub.constants  # noqa: E402, F401  (reads HF_HUB_OFFLINE once: before a test sets it for itself)
import pytest  # noqa: E402

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, vocabularies and models; the test is skipped where it is absent."""
    if not (SHARED / "README.md").exists():
        pytest.skip("shared data is absent (BEARHUG_SHARED_DATA)")
    return SHARED


def _is_loopback(address) -> bool:
    return not isinstance(address, tuple) or str(address[0]) in ("127.0.0.1", "::1", "localhost", "")


@pytest.fixture(autouse=True)
def only_loopback(request, monkeypatch):
    """No test leaves this machine: a connection to anything but loopback is a failure."""
    if request.node.get_closest_marker("network"):
        return
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(original):
        def call(self, address):
            if not _is_loopback(address):
                raise AssertionError(f"a test tried to connect to {address}")
            return original(self, address)

        return call

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
