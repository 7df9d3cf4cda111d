"""Which paths a .gitattributes or .gitignore names."""

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
    """Whether a pattern of git's names a path: without a slash any folder's, else from the top."""
    if "/" not in pattern:
        return bool(_regex(pattern).fullmatch(path.rsplit("/", 1)[-1]))
    return bool(_regex(pattern.lstrip("/")).fullmatch(path))


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    """git's wildcards: `*` and `?` stop at a slash, `**` does not. Runs of stars are one, so that none explodes."""
    pieces, at = [], 0
    pattern = re.sub(r"\*{3,}", "**", pattern[:1024])
    while at < len(pattern):
        if pattern.startswith("**/", at):
            pieces.append("(?:[^/]+/)*+")
            at += 3
        elif pattern.startswith("**", at):
            pieces.append(".*")
            at += 2
        elif pattern[at] == "*":
            pieces.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            pieces.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[").replace("&", "\\&")
            pieces.append("[" + ("^" + inside[1:] if inside[0] in "!^" else inside) + "]")
            at = end + 1
        else:
            pieces.append(re.escape(pattern[at]))
            at += 1
    try:
        return re.compile("".join(pieces), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
