"""Which paths a .gitattributes or .gitignore names."""

import fnmatch
import re
from functools import lru_cache

KINDS = """7z arrow bin ckpt ftz gguf gz h5 joblib lz4 mds mlmodel model msgpack npy npz onnx ot parquet pb pickle pkl
pt pth rar safetensors tar tflite tgz wasm xz zip zst""".split()
MEDIA = "pcm sam raw aac flac mp3 ogg wav bmp gif png tiff jpg jpeg webp mp4 webm avi mov mkv".split()


def default_attributes(kind: str) -> str:
    """The .gitattributes that a new repository begins with: what is kept as a large file."""
    patterns = [f"*.{ending}" for ending in KINDS] + ["saved_model/**/*", "*.tar.*", "*tfevents*"]
    if kind == "dataset":
        patterns += [f"*.{ending}" for ending in MEDIA]
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns)


def is_large(attributes: str, path: str) -> bool | None:
    """Whether .gitattributes says `filter=lfs` for a path; None where it says nothing. The last match wins."""
    verdict = None
    for line in attributes.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        says = [word for word in words[1:] if word.lstrip("-!").split("=")[0] == "filter"]
        if says and matches(words[0].strip('"'), path):
            verdict = says[-1] == "filter=lfs"
    return verdict


def is_ignored(rules: str, path: str) -> bool:
    """Whether .gitignore leaves a path out. A folder that is left out takes what is in it along."""
    lines = [line.rstrip() for line in rules.splitlines() if line.strip() and not line.startswith("#")]
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        verdict = False
        for line in lines:
            pattern, wanted = (line[1:], False) if line.startswith("!") else (line.removeprefix("\\"), True)
            if pattern.endswith("/") and depth == len(parts):
                continue
            if matches(pattern.rstrip("/"), "/".join(parts[:depth])):
                verdict = wanted
        if verdict:
            return True
    return False


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern of git's names a path: without a slash any folder's, else from the top.

    `*`, `?` and `[...]` stay within a segment, `**` stands for any number of segments. Takes at most the product of the
    segments' numbers, whatever the pattern.
    """
    if "/" not in pattern:
        return bool(_segment(pattern).match(path.rsplit("/", 1)[-1]))
    wanted, parts = pattern.lstrip("/").split("/"), path.split("/")
    reached = {0}  # how many of the parts the pattern so far may have used up
    for number, piece in enumerate(wanted):
        if piece == "**":
            least = min(reached, default=len(parts) + 1)
            last = number == len(wanted) - 1
            reached = set(range(least + last, len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and _segment(piece).match(parts[at])}
    return len(parts) in reached


@lru_cache(maxsize=4096)
def _segment(pattern: str) -> re.Pattern[str]:
    """git's wildcards within a segment; fnmatch's translation never tries a star twice."""
    pattern = re.sub(r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?[" else found[1], pattern[:1024])
    try:
        return re.compile(fnmatch.translate(re.sub(r"\[\^", "[!", pattern)))
    except re.error:
        return re.compile(re.escape(pattern) + r"\Z")
