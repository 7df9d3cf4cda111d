"""Large files by Xet: tokens, xorbs, shards, and how a file is put together again.

An upload sends xorbs, then a shard that says which of their chunks make which file, then the commit. Nothing that a
client claims is believed: chunks, xorbs, ranges, files and the SHA-256 that the commit will name are worked out from
the bytes.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bearhug.hub.server import xet
from bearhug.hub.server.content import rebuilt
from bearhug.hub.server.credentials import sign, signed
from bearhug.hub.server.errors import BadInput, Forbidden, HubError, NotFound, Unauthorized
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.objects import Incoming
from bearhug.hub.server.queries import files, repos
from bearhug.hub.server.routes.commits import writer
from bearhug.hub.server.routes.files import parse_range, ranged
from bearhug.hub.server.routes.request import RepoPath, caller_of, flag, hub_of, ok, public_url

PULSE = 10  # seconds between two signs of life while a shard is checked


def read_token(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/xet-read-token/{rev}."""
    where, hub = RepoPath.parse(request), hub_of(request)
    with hub.db.read() as db:
        caller = caller_of(request, db)
        repo = repos.readable(db, where.kind, where.name, caller)
    return _token(request, {"cas": "read", "repo": repo.id, "account": caller.id})


def write_token(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/xet-write-token/{rev}."""
    where, hub = RepoPath.parse(request), hub_of(request)
    with hub.db.read() as db:
        caller = caller_of(request, db)
        repo = writer(db, where, caller, create_pr=flag(request, "create_pr"))
    return _token(request, {"cas": "write", "repo": repo.id, "account": caller.id})


def _token(request: Request, claim: dict) -> Response:
    hub, url = hub_of(request), f"{public_url(request)}/cas"
    seconds = hub.settings.seconds_download
    token, end = sign(hub.secret, claim, seconds), int(time.time()) + seconds
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(end)}
    return ok({"casUrl": url, "accessToken": token, "exp": end}, **headers)


def _claim(request: Request, right: str) -> dict:
    """What the caller's CAS token allows.

    Raises:
        Unauthorized, Forbidden: no token that is valid; one for reading where writing is asked.
    """
    claim = signed(hub_of(request).secret, request.headers.get("authorization", "").removeprefix("Bearer ").strip())
    if claim is None or "cas" not in claim:
        raise Unauthorized("The Xet token is not valid, or its time is over.")
    if right == "write" and claim["cas"] != "write":
        raise Forbidden("This Xet token is for reading.")
    return claim


# uploads


def may_write(request: Request) -> None:
    """Refuse before any of the body is read."""
    _claim(request, "write")


def upload_xorb(request: Request, incoming: Incoming) -> Response:
    """POST /cas/v1/xorbs/{prefix}/{hash}: chunks packed together."""
    hub, claim, digest = hub_of(request), _claim(request, "write"), request.path_params["hash"]
    incoming.file.seek(0)
    try:
        chunks = xet.read_xorb(incoming.file)
    except ValueError as error:
        raise BadInput(f"This xorb is refused: {error}.") from None
    if xet.xorb_hash(chunks) != digest:
        raise BadInput(f"The chunks make the xorb {xet.xorb_hash(chunks)}, not {digest[:80]}.")
    incoming.file.truncate(chunks[-1].stored_end)  # a footer says nothing that the records do not
    hub.objects.keep(incoming, "xorbs", digest)
    with hub.db.write() as db:
        new = files.add_xorb(db, digest, chunks[-1].stored_end, chunks, claim["account"])
    return ok({"was_inserted": new})


def upload_shard(request: Request, incoming: Incoming) -> Response:
    """POST /cas/v1/shards: which chunks make which file."""
    hub, claim = hub_of(request), _claim(request, "write")
    return ok({"result": int(register(hub, claim, _shard(incoming), lambda done, total: None))})


def upload_shard_with_progress(request: Request, incoming: Incoming) -> Response:
    """POST /cas/v2/shards: the same, with lines of progress, so that a long check does not look like a dead hub."""
    hub, claim, shard = hub_of(request), _claim(request, "write"), _shard(incoming)
    frames: queue.Queue[dict] = queue.Queue()

    def work() -> None:
        last = {"type": "error", "message": "The hub failed.", "retryable": True}
        try:
            register(hub, claim, shard, lambda done, total: frames.put(_progress(done, total)))
            last = {"type": "result"}
        except HubError as error:
            last = {"type": "error", "message": error.message, "retryable": False}
        finally:
            frames.put(last)

    def lines() -> Iterator[str]:
        threading.Thread(target=work, name="xet-shard", daemon=True).start()
        frame = _progress(0, 1)
        while True:
            yield json.dumps(frame) + "\n"
            if frame["type"] in ("result", "error"):
                return
            try:
                frame = frames.get(timeout=PULSE)
            except queue.Empty:
                continue

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _progress(done: int, total: int) -> dict:
    return {"type": "validating", "verified": done, "total": total}


def _shard(incoming: Incoming) -> list[xet.FileRecord]:
    incoming.file.seek(0)
    try:
        return xet.read_shard(incoming.file.read())
    except ValueError as error:
        raise BadInput(f"This shard is refused: {error}.") from None


def register(hub: Hub, claim: dict, shard: list[xet.FileRecord], progress: Callable[[int, int], None]) -> bool:
    """Check every file of a shard, then keep them all in one transaction; whether any is new.

    Raises:
        BadInput: a file names a xorb that is not here or not the caller's to read, or its hashes do not fit its bytes.
    """
    account, new = claim["account"], False
    for done, file in enumerate(shard):
        _check_terms(hub, account, file)
        if file.sha256 is not None and file.terms:
            _check_content(hub, file)
        progress(done + 1, len(shard))
    with hub.db.write() as db:
        for file in shard:
            if not file.terms:
                continue  # the empty file is always here
            new |= files.add_terms(db, file.hash, file.terms)
            if file.sha256 is not None:
                files.add_chunked(db, file.sha256, file.hash, file.size_bytes, account)
    return new


def _check_terms(hub: Hub, account: str, file: xet.FileRecord) -> None:
    """The terms name chunks that are here, and the file's hash is that of these chunks."""
    tables: dict[str, list[xet.Chunk]] = {}
    leaves: list[tuple[bytes, int]] = []
    for place, term in enumerate(file.terms):
        if term.xorb not in tables:
            with hub.db.read() as db:
                table = files.chunks(db, term.xorb) if files.xorb_within_reach(db, term.xorb, account) else None
            if table is None:
                raise BadInput(f"The xorb {term.xorb} is not here; send it again.")
            tables[term.xorb] = table
        table = tables[term.xorb]
        if term.end > len(table):
            raise BadInput(f"The xorb {term.xorb} has {len(table)} chunks, not {term.end}.")
        own = xet.leaves(table, term.start, term.end)
        if sum(size for _, size in own) != term.unpacked_bytes:
            raise BadInput(f"A term of {file.hash} says {term.unpacked_bytes} bytes; its chunks have others.")
        if file.range_hashes and xet.range_hash([leaf for leaf, _ in own]) != file.range_hashes[place]:
            raise BadInput(f"The range hash of a term of {file.hash} is wrong.")
        leaves += own
    if xet.file_hash(leaves) != file.hash:
        raise BadInput(f"The chunks make the file {xet.file_hash(leaves)}, not {file.hash}.")


def _check_content(hub: Hub, file: xet.FileRecord) -> None:
    """The SHA-256 that a commit will name is that of the bytes: else anyone could pass a file off as another."""
    assert file.sha256 is not None
    with hub.db.read() as db:
        known = files.find(db, file.sha256)
    if known is not None and known.xet_hash == file.hash:
        return
    digest = hashlib.sha256()
    for piece in rebuilt(hub, file.terms, 0, file.size_bytes):
        digest.update(piece)
    if digest.hexdigest() != file.sha256:
        raise BadInput(f"The file {file.hash} has the SHA-256 {digest.hexdigest()}, not {file.sha256}.")


# downloads


def reconstruction(request: Request) -> Response:
    """GET /cas/v1/reconstructions/{file}: the chunks that make a file or a range of it, and where to get them."""
    hub, claim, digest = hub_of(request), _claim(request, "read"), request.path_params["hash"]
    with hub.db.read() as db:
        size = files.may_rebuild(db, claim["repo"], claim["account"], digest)
        if size is None:
            raise NotFound("This file is not here.")
        terms = files.terms(db, digest)
        start, end = 0, size
        if wanted := request.headers.get("range"):
            found = parse_range(wanted, size)
            if found is None or found[0] >= found[1]:
                raise HubError("Range not satisfiable", status=416, headers={"Content-Range": f"bytes */{size}"})
            start, end = found
        tables = {
            xorb: files.chunks(db, xorb) or [] for xorb in {term.xorb for term in _overlapping(terms, start, end)}
        }
    offset, chosen = _cut(terms, tables, start, end)
    url = public_url(request)
    return ok(
        {
            "offset_into_first_range": offset,
            "terms": [
                {"hash": t.xorb, "unpacked_length": t.unpacked_bytes, "range": {"start": t.start, "end": t.end}}
                for t in chosen
            ],
            "fetch_info": {xorb: _fetches(hub, url, xorb, tables[xorb], chosen) for xorb in {t.xorb for t in chosen}},
        }
    )


def _overlapping(terms: list[xet.Term], start: int, end: int) -> Iterator[xet.Term]:
    at = 0
    for term in terms:
        if at < end and at + term.unpacked_bytes > start:
            yield term
        at += term.unpacked_bytes


def _cut(terms: list[xet.Term], tables: dict[str, list[xet.Chunk]], start: int, end: int) -> tuple[int, list[xet.Term]]:
    """The terms with only those chunks that hold some of start..end, and how far into the first of them it begins."""
    at, offset, chosen = 0, 0, []
    for term in terms:
        if at >= end:
            break
        if at + term.unpacked_bytes > start:
            first, last, length = None, term.start, 0
            here = at
            for number, (_, size) in enumerate(xet.leaves(tables[term.xorb], term.start, term.end), term.start):
                if here < end and here + size > start:
                    if first is None:
                        first = number
                        offset = start - here if not chosen else offset
                    last, length = number + 1, length + size
                here += size
            assert first is not None
            chosen.append(xet.Term(term.xorb, length, first, last))
        at += term.unpacked_bytes
    return max(0, offset), chosen


def _fetches(hub: Hub, url: str, xorb: str, table: list[xet.Chunk], terms: list[xet.Term]) -> list[dict]:
    """Signed addresses that cover every term of a xorb; ranges that touch are one."""
    spans: list[list[int]] = []
    for start, end in sorted((term.start, term.end) for term in terms if term.xorb == xorb):
        if spans and start <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([start, end])
    answer = []
    for start, end in spans:
        first = table[start - 1].stored_end if start else 0
        last = table[end - 1].stored_end - 1
        token = sign(hub.secret, {"xorb": xorb, "first": first, "last": last}, hub.settings.seconds_download)
        answer.append(
            {
                "range": {"start": start, "end": end},
                "url": f"{url}/cas/xorbs/{xorb}?sign={token}",
                "url_range": {"start": first, "end": last},
            }
        )
    return answer


def download_xorb(request: Request) -> Response:
    """GET /cas/xorbs/{hash}?sign=...: the stored bytes of some chunks; no token, the address is the permission."""
    hub, digest = hub_of(request), request.path_params["hash"]
    claim = signed(hub.secret, request.query_params.get("sign", ""))
    if claim is None or claim.get("xorb") != digest:
        raise Forbidden("This address is not valid, or its time is over. Ask for the reconstruction again.")
    path = hub.objects.path("xorbs", digest)
    size = path.stat().st_size
    wanted = parse_range(request.headers.get("range", ""), size)
    if wanted is None or wanted[0] < claim["first"] or wanted[1] > claim["last"] + 1:
        raise Forbidden(f"This address is good for the bytes {claim['first']}-{claim['last']}.")

    def read(start: int, end: int) -> Iterator[bytes]:
        with open(path, "rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(2**20, end - start))):
                start += len(piece)
                yield piece

    headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    return ranged(request, headers, size, read)


def telemetry(request: Request) -> Response:
    """POST /cas/v1/telemetry: not kept."""
    return ok()
