"""Where a checkpoint is: the options of from_pretrained that say so."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("bearhug")

# The options of from_pretrained that say where to look; the rest are a config's attributes or a model's options.
WHERE = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")
# What scripts still pass and nothing here needs.
IGNORED = ("trust_remote_code", "code_revision", "resume_download", "proxies", "mirror", "user_agent", "use_auth_token")


def where(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `open_repo` out of `options`, and those that do nothing here."""
    if options.pop("trust_remote_code", None):
        log.warning("bearhug runs no code out of a repository; trust_remote_code=True is not needed and does nothing.")
    token = options.pop("use_auth_token", None)
    found = {name: options.pop(name) for name in WHERE if name in options}
    if token is not None and found.get("token") is None:
        found["token"] = token
    if found.get("subfolder") is None:
        found.pop("subfolder", None)
    for name in ("local_files_only", "force_download"):
        found[name] = bool(found.get(name))
    for name in IGNORED:
        options.pop(name, None)
    return found
