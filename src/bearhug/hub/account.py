"""Who is logged in: login, logout, whoami. Tokens lie where `hf auth login` keeps them, so each sees the other's.

Environment variables are read at each call: HF_TOKEN (first), then the file at HF_TOKEN_PATH or HF_HOME/token, and
beside it `stored_tokens`, which knows every token by its name.
"""

from __future__ import annotations

import configparser
import io
import os
import sys
import time
from contextlib import suppress
from getpass import getpass
from pathlib import Path

from bearhug.hub.reach import endpoint, home, quiet, require

CLIENT_ID = "bearhug"


def token_file() -> Path:
    """The file that holds the token in use."""
    return Path(os.environ.get("HF_TOKEN_PATH") or home() / "token").expanduser()


def current_token() -> str | None:
    """The token in use: HF_TOKEN, else the one that login kept; None where nobody is logged in."""
    if token := (os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or "").strip():
        return token
    file = token_file()
    if not file.exists():
        return None
    from huggingface_hub import constants, get_token

    if Path(constants.HF_TOKEN_PATH) == file and not os.environ.get("HF_OIDC_RESOURCE"):
        return get_token()  # renews a token of the browser's way in before it ends
    return file.read_text().strip() or None


def login(
    token: str | None = None,
    *,
    add_to_git_credential: bool = False,
    skip_if_logged_in: bool = True,
    force: bool = False,
) -> None:
    """Log in at the hub (HF_ENDPOINT) and keep the token where `hf auth login` keeps it.

    Args:
        token: a token of the hub's; None: asked for in the terminal, where Enter alone means by browser.
        add_to_git_credential: give the token to git's credential helper, too.
        skip_if_logged_in: without a token, ask nothing where somebody is logged in already (`force` asks).

    Raises:
        ValueError: the hub does not know the token, or there is neither a token nor a terminal to ask in.
        OSError: no hub answers.
    """
    if token is None:
        if skip_if_logged_in and not force and current_token():
            print("Already logged in. To change that: login(force=True), or bearhug login --force.")
            return
        if not _interactive():
            raise ValueError(
                f"login has no token and no terminal to ask in.\nMake a token at {endpoint()}/settings/tokens "
                "and pass it: login(token='hf_...'), or set HF_TOKEN."
            )
        require()
        print(f"A token for {endpoint()} can be made at {endpoint()}/settings/tokens")
        token = getpass("Token (Enter alone: log in by browser): ").strip()
    fields = {"hf_token": token} if token else _by_browser()
    me = _asked(fields["hf_token"])
    name = me.get("auth", {}).get("accessToken", {}).get("displayName") or f"oauth-{me['name']}"
    _keep(name, fields)
    if add_to_git_credential:
        from huggingface_hub.utils import set_git_credential

        set_git_credential(fields["hf_token"])
    note = " HF_TOKEN is set and goes before it." if os.environ.get("HF_TOKEN") else ""
    print(f"Logged in at {endpoint()} as {me['name']}; the token {name!r} is kept in {token_file()}.{note}")


def logout(token_name: str | None = None) -> None:
    """Forget the tokens of this machine, or one of them by its name.

    Raises:
        ValueError: no token of that name is kept.
        OSError: HF_TOKEN is set, which logs in whatever is kept.
    """
    stored = _stored()
    if token_name is None:
        token_file().unlink(missing_ok=True)
        _stored_file().unlink(missing_ok=True)
    elif token_name not in stored:
        raise ValueError(f"no token is called {token_name!r}; kept are {sorted(stored) or 'none'}.")
    else:
        fields = stored.pop(token_name)
        _write_stored(stored)
        with suppress(FileNotFoundError):
            if token_file().read_text().strip() == fields.get("hf_token"):
                token_file().unlink()
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        raise OSError("the kept tokens are gone, but HF_TOKEN is set and still logs in. Remove it: unset HF_TOKEN")


def stored_tokens() -> dict[str, str]:
    """The tokens that this machine keeps, by name."""
    return {name: fields.get("hf_token", "") for name, fields in _stored().items()}


def switch(token_name: str) -> None:
    """Use another of the tokens that this machine keeps.

    Raises:
        ValueError: none is called so.
    """
    tokens = stored_tokens()
    if token_name not in tokens:
        raise ValueError(f"no token is called {token_name!r}; kept are {sorted(tokens) or 'none'}.")
    _write_secret(token_file(), tokens[token_name])


def whoami(token: str | bool | None = None) -> dict:
    """The account behind the token in use, as the hub says it: `name`, `fullname`, `orgs`, `auth`, ...

    Raises:
        OSError: nobody is logged in (huggingface_hub's LocalTokenNotFoundError), or no hub answers.
        ValueError: the hub does not know the token.
    """
    from huggingface_hub.errors import LocalTokenNotFoundError

    token = token if isinstance(token, str) else current_token()
    if not token:
        raise LocalTokenNotFoundError(f"nobody is logged in at {endpoint()}. Log in: bearhug login, or set HF_TOKEN.")
    return _asked(token)


def _asked(token: str) -> dict:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if token.startswith("api_org"):
        raise ValueError("this is an organization's token; log in with one of your own account.")
    require()
    try:
        with quiet():
            return HfApi(endpoint=endpoint()).whoami(token=token)
    except HfHubHTTPError as error:
        if error.response.status_code != 401:
            raise
        raise ValueError(
            f"{endpoint()} does not know this token ({token[:6]}...).\n"
            f"Make one at {endpoint()}/settings/tokens and log in with it: bearhug login --force"
        ) from None


def _by_browser() -> dict[str, str]:
    """The device flow (RFC 8628): a person grants a code in the browser, this machine gets a token."""
    from huggingface_hub import get_session

    with quiet():
        asked = (
            get_session().post(f"{endpoint()}/oauth/device", data={"client_id": CLIENT_ID}).raise_for_status().json()
        )
        print(f"\n  Open  {asked.get('verification_uri_complete') or asked['verification_uri']}")
        print(f"  Code  {asked['user_code']}\n")
        wait, ends = asked.get("interval", 5), time.monotonic() + asked.get("expires_in", 900)
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": asked["device_code"],
            "client_id": CLIENT_ID,
        }
        while time.monotonic() < ends:
            time.sleep(wait)
            answer = get_session().post(f"{endpoint()}/oauth/token", data=form).json()
            if "access_token" in answer:
                fields = {"hf_token": answer["access_token"]}
                if answer.get("refresh_token") and answer.get("expires_in"):
                    fields["refresh_token"] = answer["refresh_token"]
                    fields["expires_at"] = str(int(time.time()) + int(answer["expires_in"]))
                return fields
            if answer.get("error") == "slow_down":
                wait += 5
            elif answer.get("error") != "authorization_pending":
                break
    raise ValueError("the login was refused, or its time ran out. Try again: bearhug login")


def _interactive() -> bool:
    return "ipykernel" in sys.modules or (sys.stdin is not None and sys.stdin.isatty())


# the files


def _stored_file() -> Path:
    return token_file().parent / "stored_tokens"


def _stored() -> dict[str, dict[str, str]]:
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(_stored_file(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {name: dict(config.items(name)) for name in config.sections()}


def _write_stored(stored: dict[str, dict[str, str]]) -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read_dict({name: stored[name] for name in sorted(stored)})
    text = io.StringIO()
    config.write(text)
    _write_secret(_stored_file(), text.getvalue())


def _keep(name: str, fields: dict[str, str]) -> None:
    _write_stored({**_stored(), name.replace("]", "").replace("\n", "") or "token": fields})
    _write_secret(token_file(), fields["hf_token"])


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
