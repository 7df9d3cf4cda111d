"""One hub for the whole session, its people, and clients of Hugging Face's that talk to it."""

import itertools
import json
from dataclasses import dataclass

import httpx2 as httpx  # what huggingface_hub 2.x brings
import pytest
from huggingface_hub import HfApi

from bearhug.hub.server import local
from bearhug.hub.server.database import Database
from bearhug.hub.server.running import apply_file

READ_TOKEN, ANNA_TOKEN = "hf_readreadread", "hf_annaannaanna"
_numbers = itertools.count()


@dataclass
class Place:
    """The hub of the tests."""

    endpoint: str
    token: str
    data: object
    password: str

    def api(self, token: str | bool | None = None) -> HfApi:
        return HfApi(endpoint=self.endpoint, token=self.token if token is None else token)

    def http(self, token: str | None = None, **headers: str) -> httpx.Client:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(base_url=self.endpoint, headers=headers)


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    """A hub with bear (writes), anna (writes), the organisation den (bear administers, anna reads), and an alias."""
    people = {
        "users": [
            {"name": "bear", "tokens": [{"token": READ_TOKEN, "role": "read", "name": "reader"}]},
            {"name": "anna", "fullname": "Anna B.", "email": "anna@example.org", "tokens": [{"token": ANNA_TOKEN}]},
        ],
        "organizations": [{"name": "den", "members": {"bear": "admin", "anna": "read"}, "private_by_default": True}],
        "aliases": {"oldname": "bear/aliased"},
    }
    file = tmp_path_factory.mktemp("apply") / "people.json"
    file.write_text(json.dumps(people))
    with local() as running:
        db = Database(running.data / "hub.sqlite")
        apply_file(db, file)
        db.close()
        yield Place(running.endpoint, running.token, running.data, running.password)


@pytest.fixture(scope="session")
def api(hub):
    """huggingface_hub, unmodified, as bear."""
    return hub.api()


@pytest.fixture
def repo(api):
    """A fresh model repository of bear's."""
    name = f"bear/model-{next(_numbers)}"
    api.create_repo(name)
    return name


@pytest.fixture
def as_bear(hub, monkeypatch, tmp_path):
    """bearhug's own client, logged in as bear, with a cache of its own."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return hub
