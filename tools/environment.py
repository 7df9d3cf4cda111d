"""Make the environment of the Makefile's commands: a virtual environment, a right PyTorch, bearhug with its core.

    python3 tools/environment.py .venv [EXTRA ...]

Runs with any Python that is new enough and nothing installed. What is there is left alone: a second run is quick.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(folder: str, *extras: str) -> None:
    """Create or complete the environment in `folder`."""
    venv = (ROOT / folder).resolve()
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        say(f"making a virtual environment in {folder}")
        try:
            run(sys.executable, "-m", "venv", venv)
        except subprocess.CalledProcessError:
            stop("this Python cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv.")
        run(python, "-m", "pip", "install", "-q", "--upgrade", "pip")
    install_torch(python)
    say(f"building bearhug with its compiled core ({', '.join(extras) or 'no extras'})")
    target = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    run(python, "-m", "pip", "install", "-q", "-e", target, env=with_compiler(python))


def install_torch(python: Path) -> None:
    """Install PyTorch unless it is there: what pip finds, or the CPU build where that would bring CUDA for nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = next(line for line in project["dependencies"] if line.startswith("torch"))
    if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
        return
    report = subprocess.run(
        [python, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", wanted],
        capture_output=True,
        text=True,
    )
    plan = json.loads(report.stdout)["install"] if report.returncode == 0 else []
    brings_cuda = any(item["metadata"]["name"].lower().startswith(("nvidia-", "cuda-")) for item in plan)
    if brings_cuda and shutil.which("nvidia-smi") is None:
        say("no NVIDIA GPU here: installing PyTorch's CPU build (without the CUDA libraries, which are gigabytes)")
        run(python, "-m", "pip", "install", "-q", "uv")
        try:
            run(python, "-m", "uv", "pip", "install", "-q", "--python", python, "--torch-backend=cpu", wanted)
            return
        except subprocess.CalledProcessError:
            say("the CPU build could not be reached; going on with the one that pip finds")
    say("installing PyTorch")
    run(python, "-m", "pip", "install", "-q", wanted)


def with_compiler(python: Path) -> dict[str, str]:
    """The process environment for the build: the machine's C++ compiler, else the one that PyPI's `ziglang` carries."""
    env = dict(os.environ)
    if os.name == "nt" or env.get("CXX") or any(map(shutil.which, ("c++", "g++", "clang++"))):
        return env
    say("no C++ compiler here (apt-get install g++, or xcode-select --install, would bring one): taking PyPI's ziglang")
    try:
        run(python, "-m", "pip", "install", "-q", "ziglang")
    except subprocess.CalledProcessError:
        stop(
            "bearhug compiles its tokenizer and needs a C++20 compiler: apt-get install g++, or xcode-select --install."
        )
    # the program itself, not `python -m ziglang`: pip hides the environment's packages while it builds
    where = subprocess.run([python, "-c", "import ziglang; print(ziglang.__path__[0])"], capture_output=True, text=True)
    for variable, command in (("CC", "cc"), ("CXX", "c++")):
        compiler = python.parent / f"zig-{command}"
        compiler.write_text(f'#!/bin/sh\nexec "{where.stdout.strip()}/zig" {command} "$@"\n')
        compiler.chmod(0o755)
        env[variable] = str(compiler)
    return env


def run(*command: object, env: dict[str, str] | None = None) -> None:
    """Run a command with its output shown; an error ends this program."""
    subprocess.run([str(part) for part in command], check=True, env=env)


def say(text: str) -> None:
    """One line of progress."""
    print(f"bearhug: {text}", file=sys.stderr, flush=True)


def stop(text: str) -> None:
    """One sentence, and the end."""
    raise SystemExit(f"bearhug: {text}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        stop("usage: python3 tools/environment.py FOLDER [EXTRA ...]")
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        stop(f"this step failed, see above: {' '.join(error.cmd)}")
