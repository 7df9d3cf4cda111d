"""Secrets: tokens and sessions (kept as SHA-256, since they are random), passwords (scrypt), signed strings (HMAC)."""

import base64
import hashlib
import hmac
import json
import secrets
import time

# RFC 7914; 32 MiB and about a fifth of a second a guess. The parameters stand in each hash, so they may grow.
COST, BLOCK, LANES = 2**15, 8, 3


def new_token(prefix: str = "hf_") -> str:
    """A fresh token: 34 random letters and digits, as clients know them."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return prefix + "".join(secrets.choice(letters) for _ in range(34))


def token_hash(token: str) -> str:
    """What is kept of a token. It has 190 random bits, so a plain hash cannot be guessed backwards."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def password_hash(password: str) -> str:
    """What is kept of a password: `scrypt$cost$block$lanes$salt$key`."""
    salt = secrets.token_bytes(16)
    return f"scrypt${COST}${BLOCK}${LANES}${salt.hex()}${_scrypt(password, salt, COST, BLOCK, LANES).hex()}"


def password_is(password: str, kept: str | None) -> bool:
    """Whether a password is the one kept; takes as long where none is kept."""
    _, cost, block, lanes, salt, key = (kept or _NOBODY).split("$")
    given = _scrypt(password, bytes.fromhex(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(given, bytes.fromhex(key)) and kept is not None


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    memory = 256 * cost * block + 2**20
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=memory, dklen=32)


_NOBODY = f"scrypt${COST}${BLOCK}${LANES}${'00' * 16}${'00' * 32}"


def sign(secret: bytes, claim: dict, seconds: int) -> str:
    """A claim that anyone can read and only the holder of the secret can make, good for so many seconds."""
    body = json.dumps({**claim, "exp": int(time.time()) + seconds}, separators=(",", ":"), sort_keys=True).encode()
    return f"{_base64(body)}.{_base64(hmac.digest(secret, body, 'sha256'))}"


def signed(secret: bytes, text: str) -> dict | None:
    """The claim, or None where it was not signed with this secret or its time is over."""
    try:
        body, mark = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split("."))
    except ValueError:
        return None
    if not hmac.compare_digest(hmac.digest(secret, body, "sha256"), mark):
        return None
    claim = json.loads(body)
    return claim if claim["exp"] > time.time() else None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
