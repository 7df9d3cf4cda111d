"""Large files by LFS and Xet as bytes on the wire, and what strangers might send there."""

import hashlib
import io
import random
import struct

import pytest
from huggingface_hub import hf_hub_download

from bearhug.hub.server import xet
from hub.conftest import ANNA_TOKEN
from hub.test_xet import END, chunked, record

DATA = random.Random(5).randbytes(30_000)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def http(hub):
    with hub.http(hub.token) as http:
        yield http


# LFS


@pytest.fixture
def batch(http, repo):
    def send(operation: str, *objects: dict, **more):
        return http.post(
            f"/{repo}.git/info/lfs/objects/batch", json={"operation": operation, "objects": list(objects), **more}
        )

    return send


def test_an_upload_is_checked_and_kept(hub, http, batch, repo):
    one = {"oid": sha256(DATA), "size": len(DATA)}
    actions = batch("upload", one).json()["objects"][0]["actions"]
    href = actions["upload"]["href"]
    with hub.http() as stranger:  # the client sends no token there
        wrong = stranger.put(href, content=DATA[:-1] + b"x")
        short = stranger.put(href, content=DATA[:-1])
        long = stranger.put(href, content=DATA + b"x")
        forged = stranger.put(href[:-1] + ("a" if href[-1] != "a" else "b"), content=DATA)
        assert http.post(actions["verify"]["href"], json=one).status_code == 404
        right = stranger.put(href, content=DATA)

    assert [answer.status_code for answer in (wrong, short, long, forged, right)] == [400, 400, 413, 403, 200]
    assert http.post(actions["verify"]["href"], json=one).status_code == 200
    assert http.post(actions["verify"]["href"], json={**one, "size": 1}).status_code == 422
    assert "actions" not in batch("upload", one).json()["objects"][0], "it is there"


def test_a_download_address_serves_ranges(hub, api, batch, repo):
    api.upload_file(path_or_fileobj=DATA, path_in_repo="w.bin", repo_id=repo)
    answer = batch("download", {"oid": sha256(DATA), "size": len(DATA)})
    href = answer.json()["objects"][0]["actions"]["download"]["href"]
    with hub.http() as stranger:
        assert stranger.get(href).content == DATA
        assert stranger.get(href, headers={"Range": "bytes=100-"}).content == DATA[100:]
        assert stranger.get(href.replace(sha256(DATA), "0" * 64)).status_code == 403
    assert answer.headers["Content-Type"].startswith("application/vnd.git-lfs+json")


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({"oid": "x" * 64, "size": 1}, 422),
        ({"oid": "../../../etc/passwd", "size": 1}, 422),
        ({"oid": "a" * 64, "size": -1}, 422),
        ({"oid": "a" * 64, "size": "1"}, 422),
        ({"oid": "a" * 64}, 422),
        ({}, 422),
        ({"oid": "a" * 64, "size": 2**60}, 413),
    ],
)
def test_a_bad_object_is_refused_alone(batch, one, code):
    good = {"oid": "b" * 64, "size": 1}
    bad, other = batch("upload", one, good).json()["objects"]

    assert bad["error"]["code"] == code
    assert "upload" in other["actions"]


def test_a_bad_batch_is_refused_whole(hub, batch, repo):
    assert batch("sideways").status_code == 422
    assert batch("upload", hash_algo="sha1").status_code == 409
    assert batch("upload", *[{"oid": "a" * 64, "size": 1}] * 1001).status_code == 413
    with hub.http() as stranger:
        answer = stranger.post(f"/{repo}.git/info/lfs/objects/batch", json={"operation": "upload", "objects": []})
    assert answer.status_code == 401
    assert answer.headers["LFS-Authenticate"] == 'Basic realm="hub"'
    assert answer.json()["message"]


# Xet


class Cas:
    """A hand-made Xet client."""

    def __init__(self, hub, repo: str, token: str):
        with hub.http(token) as http:
            self.answer = http.get(f"/api/models/{repo}/xet-write-token/main")
        body = self.answer.json()
        self.http = hub.http(body.get("accessToken"))

    def xorb(self, digest: str, body: bytes):
        return self.http.post(f"/cas/v1/xorbs/default/{digest}", content=body)

    def shard(self, *files: tuple, way: str = "v1"):
        entries = []
        for digest, terms, sha in files:
            flags = 0xC0000000 if sha else 0x80000000
            entries.append(struct.pack("<32sIIQ", xet.hash_bytes(digest), flags, len(terms), 0))
            entries += [struct.pack("<32sIIII", xet.hash_bytes(t[0]), 0, *t[1:4]) for t in terms]
            entries += [t[4] + bytes(16) for t in terms]
            entries += [xet.hash_bytes(sha) + bytes(16)] if sha else []
        body = xet.SHARD_TAG + struct.pack("<QQ", 2, 0) + b"".join(entries) + END + END
        return self.http.post(f"/cas/{way}/shards", content=body)


@pytest.fixture
def cas(hub, repo):
    cas = Cas(hub, repo, hub.token)
    yield cas
    cas.http.close()


def packed(data: bytes, *lengths: int) -> tuple[str, bytes, tuple, list]:
    """(the xorb's hash, its body, the one term over all of it, its leaves)."""
    leaves = chunked(data, *lengths)
    body, at = b"", 0
    for length in lengths:
        body += record(data[at : at + length])
        at += length
    digest = xet.hash_text(xet.tree_hash(leaves))
    return digest, body, (digest, len(data), 0, len(lengths), xet.range_hash([leaf for leaf, _ in leaves])), leaves


def test_a_token_is_said_twice(cas):
    body = cas.answer.json()

    assert body["casUrl"] == cas.answer.headers["X-Xet-Cas-Url"]
    assert body["accessToken"] == cas.answer.headers["X-Xet-Access-Token"]
    assert str(body["exp"]) == cas.answer.headers["X-Xet-Token-Expiration"]


@pytest.mark.parametrize("way", ["v1", "v2"])
def test_xorb_shard_commit_and_back(hub, api, repo, cas, tmp_path, way):
    data = DATA + way.encode()
    digest, body, term, leaves = packed(data, 10_000, 20_002)
    first, again = cas.xorb(digest, body).json(), cas.xorb(digest, body).json()
    answer = cas.shard((xet.file_hash(leaves), [term], sha256(data)), way=way)
    lines = '{"key":"header","value":{"summary":"s"}}\n{"key":"lfsFile","value":{"path":"w.bin","oid":"%s"}}'
    with hub.http(hub.token) as http:
        made = http.post(f"/api/models/{repo}/commit/main", content=lines % sha256(data))
    with open(hf_hub_download(repo, "w.bin", endpoint=hub.endpoint, token=hub.token, cache_dir=tmp_path), "rb") as back:
        assert back.read() == data

    assert (first, again) == ({"was_inserted": True}, {"was_inserted": False})
    assert answer.json() == {"result": 1} if way == "v1" else answer.text.splitlines()[-1] == '{"type": "result"}'
    assert made.status_code == 200
    assert api.get_paths_info(repo, "w.bin")[0].xet_hash == xet.file_hash(leaves)


def test_a_xorb_under_anothers_hash_is_refused(cas):
    _, body, _, _ = packed(DATA, 30_000)

    assert cas.xorb("a" * 64, body).status_code == 400
    assert cas.xorb("..", body).status_code in (400, 404)
    assert cas.xorb(packed(DATA, 30_000)[0], b"garbage").status_code == 400
    assert cas.xorb(packed(DATA, 30_000)[0], b"").status_code == 400


def test_a_file_passed_off_as_another_is_refused(cas):
    """The SHA-256 of a shard is only a claim: believed, it would put any bytes in the place of another's weights."""
    digest, body, term, leaves = packed(DATA[:9000], 9000)
    cas.xorb(digest, body)
    for way in ("v1", "v2"):
        answer = cas.shard((xet.file_hash(leaves), [term], sha256(b"popular weights")), way=way)

        assert answer.status_code == 400 if way == "v1" else '"error"' in answer.text.splitlines()[-1]


def test_a_shard_that_lies_is_refused(cas):
    digest, body, (_, size, _, _, proof), leaves = packed(DATA, 10_000, 20_000)
    cas.xorb(digest, body)
    whole = xet.file_hash(leaves)
    for file, terms in (
        ("a" * 64, [(digest, size, 0, 2, proof)]),  # another file's hash
        (whole, [(digest, size, 0, 3, proof)]),  # more chunks than there are
        (whole, [(digest, size - 1, 0, 2, proof)]),  # another length
        (whole, [(digest, size, 0, 2, bytes(32))]),  # no proof of the range
        (whole, [("b" * 64, size, 0, 2, proof)]),  # a xorb that is not here
    ):
        assert cas.shard((file, terms, sha256(DATA))).status_code == 400
    assert cas.http.post("/cas/v1/shards", content=b"x" * 100).status_code == 400


def test_anothers_hidden_xorb_cannot_be_used_by_its_hash(hub, cas):
    """Anna knows the chunks' hashes of bear's file, not its bytes."""
    digest, body, term, leaves = packed(DATA[::-1], 30_000)
    cas.xorb(digest, body)
    cas.shard((xet.file_hash(leaves), [term], sha256(DATA[::-1])))
    hub.api(ANNA_TOKEN).create_repo("anna/xet-thief", exist_ok=True)
    anna = Cas(hub, "anna/xet-thief", ANNA_TOKEN)

    assert anna.shard((xet.file_hash(leaves), [term], sha256(DATA[::-1]))).status_code == 400
    assert anna.http.get(f"/cas/v1/reconstructions/{xet.file_hash(leaves)}").status_code == 404
    assert anna.xorb(digest, body).status_code == 200, "who has the bytes may"
    assert anna.shard((xet.file_hash(leaves), [term], sha256(DATA[::-1]))).status_code == 200
    anna.http.close()


def test_reconstructions_are_exact(hub, api, repo, cas):
    """Whatever the range, the terms and the addresses give its bytes."""
    data = random.Random(6).randbytes(60_000)
    lengths = [7000, 13_000, 40_000]
    digest, body, _, leaves = packed(data, *lengths)
    cas.xorb(digest, body)
    terms = []  # a file that uses the chunks in another order, some twice
    order, at = [(1, 3), (0, 1), (1, 2)], [0, 7000, 20_000, 60_000]
    for start, end in order:
        proof = xet.range_hash([leaf for leaf, _ in leaves[start:end]])
        terms.append((digest, at[end] - at[start], start, end, proof))
    whole = b"".join(data[at[start] : at[end]] for start, end in order)
    file = xet.file_hash([leaf for start, end in order for leaf in leaves[start:end]])
    assert cas.shard((file, terms, sha256(whole))).status_code == 200
    chance = random.Random(7)
    ranges = [(0, len(whole))] + [tuple(sorted(chance.sample(range(len(whole) + 1), 2))) for _ in range(12)]
    with hub.http() as stranger:
        for start, end in ranges:
            answer = cas.http.get(
                f"/cas/v1/reconstructions/{file}", headers={"Range": f"bytes={start}-{end - 1}"}
            ).json()
            got = b""
            for term in answer["terms"]:
                span = term["range"]
                (fetch,) = [
                    one for one in answer["fetch_info"][term["hash"]]
                    if one["range"]["start"] <= span["start"] and span["end"] <= one["range"]["end"]
                ]  # fmt: skip
                url_range = f"bytes={fetch['url_range']['start']}-{fetch['url_range']['end']}"
                records = list(
                    xet.records(io.BytesIO(stranger.get(fetch["url"], headers={"Range": url_range}).content))
                )
                wanted = records[span["start"] - fetch["range"]["start"] : span["end"] - fetch["range"]["start"]]
                piece = b"".join(xet.unpack(one, scheme, length) for one, scheme, length, _ in wanted)
                assert len(piece) == term["unpacked_length"]
                got += piece
            skip = answer["offset_into_first_range"]

            assert got[skip : skip + end - start] == whole[start:end]

    assert cas.http.get(f"/cas/v1/reconstructions/{file}", headers={"Range": "bytes=113000-"}).status_code == 416
    assert cas.http.get(f"/cas/v1/reconstructions/{'0' * 64}").status_code == 404


def test_an_address_is_good_for_its_bytes_only(hub, cas):
    digest, body, _, leaves = packed(DATA, 10_000, 20_000)
    cas.xorb(digest, body)
    half = (digest, 10_000, 0, 1, xet.range_hash([leaves[0][0]]))
    file = xet.file_hash(leaves[:1])
    cas.shard((file, [half], sha256(DATA[:10_000])))
    answer = cas.http.get(f"/cas/v1/reconstructions/{file}").json()
    (fetch,) = answer["fetch_info"][digest]
    with hub.http() as stranger:
        for span, status in (
            ("bytes=0-10007", 206),
            ("bytes=0-10008", 403),
            ("bytes=0-", 403),
            ("bytes=20000-20010", 403),
        ):
            assert stranger.get(fetch["url"], headers={"Range": span}).status_code == status
        assert stranger.get(fetch["url"]).status_code == 403


def test_a_token_to_read_does_not_write(hub, repo):
    with hub.http() as stranger:
        token = stranger.get(f"/api/models/{repo}/xet-read-token/main").json()["accessToken"]
        assert stranger.get(f"/api/models/{repo}/xet-write-token/main").status_code == 401
        answer = stranger.post(f"/cas/v1/xorbs/default/{'a' * 64}", headers={"Authorization": f"Bearer {token}"})
        none = stranger.post("/cas/v1/shards", content=b"x")
        forged = stranger.post("/cas/v1/shards", content=b"x", headers={"Authorization": "Bearer eyJ9.AAAA"})

    assert [answer.status_code, none.status_code, forged.status_code] == [403, 401, 401]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/cas/v1/xorb-grants/default/" + "a" * 64),
        ("GET", "/cas/v1/chunks/default/" + "a" * 64),
        ("GET", "/cas/v2/reconstructions/" + "a" * 64),
        ("GET", "/cas/nonsense"),
    ],
)
def test_what_the_store_does_not_know_is_404(cas, method, path):
    """hf_xet reads a 200 as "the xorb is here" and would lose it, and fails at a 501."""
    assert cas.http.request(method, path).status_code == 404
