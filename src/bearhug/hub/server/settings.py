"""Every setting of a hub, with its default."""

from dataclasses import dataclass
from pathlib import Path

MiB = 2**20


@dataclass(frozen=True)
class Settings:
    """How one hub runs. Sizes are in bytes, times in seconds."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 7860
    public_url: str = ""  # what absolute links begin with; empty: the request's own scheme and host
    most_json: int = 4 * MiB
    most_regular_file: int = 10 * MiB  # larger files are kept as large files, not in git's objects
    most_commit: int = 1024 * MiB  # the whole body of a commit, regular files in base64
    most_operations: int = 50_000  # in a commit
    most_large_file: int = 512 * 1024 * MiB
    most_message: int = 64 * 1024
    seconds_upload: int = 6 * 3600  # how long a signed upload address is good
    seconds_download: int = 3600
    seconds_session: int = 30 * 24 * 3600
    seconds_oauth_token: int = 30 * 24 * 3600
    seconds_device_code: int = 900
    seconds_poll: int = 5  # how often a device may ask whether it was granted
    most_failed_logins: int = 10  # per address in five minutes
    threads: int = 100
