"""Where the hub is, and whether it answers: known in two seconds, said in one sentence, remembered for a while.

Environment variables are read at each call: BEARHUG_ENDPOINT, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, and
the proxies. BEARHUG_HUB_TIMEOUT is how many seconds a hub may take to answer at first (2.5).
"""

from __future__ import annotations

import http.client
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bearhug._lib.progress import wanted

TRUE = {"1", "true", "yes", "on"}
REMEMBER_ANSWER, REMEMBER_SILENCE = 300.0, 5.0

_known: dict[str, tuple[float, str | None]] = {}  # endpoint -> (until when, why it does not answer)


class HubUnreachable(ConnectionError):
    """No hub answers at the endpoint."""


def endpoint() -> str:
    """The hub's address: BEARHUG_ENDPOINT, else HF_ENDPOINT, else the public hub. Read at each call, not at import."""
    return (os.environ.get("BEARHUG_ENDPOINT") or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE or BEARHUG_OFFLINE forbids the network."""
    return any(
        os.environ.get(name, "").lower() in TRUE
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "BEARHUG_OFFLINE")
    )


def home() -> Path:
    """HF_HOME, else `huggingface` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(os.environ.get("HF_HOME") or os.path.join(cache, "huggingface"))).expanduser()


def cache_folder(given: str | os.PathLike | None = None) -> Path:
    """Where downloads are kept: as given, else HF_HUB_CACHE, else HF_HOME/hub."""
    named = given or os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home() / "hub"
    return Path(os.path.expandvars(named)).expanduser()


def require() -> None:
    """Make sure that a hub answers at `endpoint()`.

    Raises:
        HubUnreachable: none does, or the network is forbidden.
    """
    where = endpoint()
    if offline():
        raise HubUnreachable(
            "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE, BEARHUG_OFFLINE) forbids asking a hub. Unset it."
        )
    until, why = _known.get(where, (0.0, None))
    if time.monotonic() >= until:
        why = _silence(where)
        _known[where] = (time.monotonic() + (REMEMBER_SILENCE if why else REMEMBER_ANSWER), why)
    if why:
        raise HubUnreachable(
            f"no hub answers at {where} ({why}).\nSet HF_ENDPOINT to one that does, or start one: bearhug hub"
        )


def _silence(where: str) -> str | None:
    """Why no hub answers there; None where one does. In a thread: a name that does not resolve blocks for long."""
    seconds = float(os.environ.get("BEARHUG_HUB_TIMEOUT") or 2.5)
    answer: list[str | None] = []
    prober = threading.Thread(target=lambda: answer.append(_probe(where, seconds)), daemon=True)
    prober.start()
    prober.join(seconds + 0.2)
    return answer[0] if answer else f"nothing within {seconds:g} s; BEARHUG_HUB_TIMEOUT gives it longer"


def _probe(where: str, seconds: float) -> str | None:
    parts = urlsplit(where)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "not an address such as http://127.0.0.1:7860"
    proxy = None if proxy_bypass(parts.hostname) else getproxies().get(parts.scheme)
    try:
        if proxy:  # who lies behind it is for the proxy to say
            target = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
            socket.create_connection((target.hostname or "", target.port or 80), timeout=seconds).close()
            return None
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        with closing(kind(parts.hostname, parts.port, timeout=seconds)) as connection:
            connection.request("HEAD", "/", headers={"User-Agent": "bearhug"})
            connection.getresponse().read()
    except ssl.SSLCertVerificationError:
        return None  # somebody is there; which certificates are trusted is huggingface_hub's to decide
    except TimeoutError:
        return f"nothing within {seconds:g} s; BEARHUG_HUB_TIMEOUT gives it longer"
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """huggingface_hub neither logs its retries (what comes of them is said once, by us) nor draws bars for nobody."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    logger = logging.getLogger("huggingface_hub")
    before, bars = logger.level, are_progress_bars_disabled() or wanted()
    logger.setLevel(logging.ERROR)
    if not bars:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(before)
        if not bars:
            enable_progress_bars()
