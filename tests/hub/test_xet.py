"""Xet's formats: the published check values, what hf_xet itself says, and bodies from strangers."""

import io
import random
import struct

import hf_xet
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearhug.hub.server import xet


def chunked(data: bytes, *lengths: int) -> list[tuple[bytes, int]]:
    leaves, at = [], 0
    for length in lengths:
        leaves.append((xet.chunk_hash(data[at : at + length]), length))
        at += length
    assert at == len(data)
    return leaves


def record(data: bytes, scheme: int = 0, packed: bytes | None = None, length: int | None = None) -> bytes:
    packed = data if packed is None else packed
    length = len(data) if length is None else length
    return bytes([0]) + len(packed).to_bytes(3, "little") + bytes([scheme]) + length.to_bytes(3, "little") + packed


def read_xorb(body: bytes) -> list[xet.Chunk]:
    return xet.read_xorb(io.BytesIO(body))


def grouped(data: bytes) -> bytes:
    return b"".join(data[lane::4] for lane in range(4))


def test_the_chunk_and_the_file_of_hello_world():
    leaves = chunked(b"hello world", 11)

    assert xet.hash_text(leaves[0][0]) == "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1"
    assert xet.file_hash(leaves) == "f15edd43b7e85cfd25e2758ffe13b99fdd09dfa817e8d9f6548722a7a126db7f"


def test_the_xorb_and_the_file_of_counting_bytes():
    leaves = chunked(bytes(range(256)) * 800, 131072, 73728)

    assert xet.hash_text(xet.tree_hash(leaves)) == "9222c4f19aaff34f1e5b858db870d64e9e715ed1be638f0c5f4e55e2467d3ee4"
    assert xet.file_hash(leaves) == "5455aae9372868a7118db6efa7ae66eb1aa996c0a3229fed82dd5e3fa34bafc0"


def test_the_file_of_random_bytes():
    leaves = chunked(random.Random(42).randbytes(300_000), 54905, 131072, 98479, 15544)

    assert xet.file_hash(leaves) == "a5397a61afe5fa4ea40662c4317bc440b926a8d3ed7871eef366ae7f1210379f"


def test_a_file_of_one_chunk_has_the_hash_that_hf_xet_gives_it(tmp_path):
    for number, size in enumerate((1, 7, 4096, 8191)):
        data = random.Random(number).randbytes(size)
        file = tmp_path / str(number)
        file.write_bytes(data)

        assert xet.file_hash(chunked(data, size)) == hf_xet.hash_files([str(file)])[0].hash


def test_the_empty_file_is_zeros():
    assert xet.file_hash([]) == "0" * 64


def test_hash_text_reads_groups_of_eight_bytes_backwards():
    raw = bytes(range(32))

    assert xet.hash_text(raw).startswith("0706050403020100")
    assert xet.hash_bytes(xet.hash_text(raw)) == raw


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "ab" * 33, "é" * 64])
def test_what_is_no_hash_is_refused(text):
    with pytest.raises(ValueError):
        xet.hash_bytes(text)


@given(st.binary(min_size=1, max_size=2000))
def test_each_scheme_gives_back_its_data(data):
    assert xet.unpack(data, 0, len(data)) == data
    assert xet.unpack(lz4.frame.compress(data), 1, len(data)) == data
    assert xet.unpack(lz4.frame.compress(grouped(data)), 2, len(data)) == data


def test_a_xorb_is_read_with_the_place_of_each_chunk():
    first, second = b"a" * 1000, bytes(range(256))
    packed = lz4.frame.compress(first)
    body = record(first, 1, packed) + record(second)

    chunks = read_xorb(body)

    assert [chunk.unpacked_end for chunk in chunks] == [1000, 1256]
    assert [chunk.stored_end for chunk in chunks] == [8 + len(packed), len(body)]
    assert xet.xorb_hash(chunks) == xet.hash_text(xet.tree_hash(chunked(first + second, 1000, 256)))
    assert xet.read_chunks(xet.chunks_bytes(chunks)) == chunks


def test_a_footer_is_left_aside():
    body = record(b"abc")

    assert read_xorb(body + b"XETBLOB\1" + bytes(100)) == read_xorb(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        record(b"abc")[:-1],
        record(b"abc", length=4),
        record(b"abc", 3),
        record(b"abc", 1),
        record(b"", 0),
        record(b"x" * 10, 1, lz4.frame.compress(b"x" * 2_000_000), 10),
        record(b"x", 1, lz4.frame.compress(bytes(131073)), 131072),
        bytes([0]) + (262145).to_bytes(3, "little") + bytes([0]) + (1).to_bytes(3, "little") + bytes(262145),
        bytes([1]) + record(b"abc")[1:],
        record(b"a") * 8193,
        record(b"", 1, lz4.frame.compress(bytes(131072)), 131072) * 513,
    ],
    ids=[
        "empty", "header cut", "chunk cut", "shorter than said", "unknown scheme", "no lz4", "no data", "bomb",
        "one too many", "packed too large", "unknown version", "too many chunks", "too much data",
    ],
)  # fmt: skip
def test_a_bad_xorb_is_refused(body):
    with pytest.raises(ValueError):
        read_xorb(body)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_xorb_or_a_value_error(body):
    try:
        read_xorb(body)
    except ValueError:
        pass


END = b"\xff" * 32 + bytes(16)


def shard(*entries: bytes) -> bytes:
    return xet.SHARD_TAG + struct.pack("<QQ", 2, 0) + b"".join(entries) + END + END


def test_a_shard_is_read():
    file, xorb, proof = bytes(range(32)), bytes(32), bytes([7]) * 32
    sha256 = "00112233445566778899aabbccddeeff" * 2
    body = shard(
        struct.pack("<32sIIQ", file, 0xC0000000, 1, 0),
        struct.pack("<32sIIII", xorb, 0, 500, 2, 4),
        proof + bytes(16),
        xet.hash_bytes(sha256) + bytes(16),
    )

    (found,) = xet.read_shard(body)

    assert found.terms == [xet.Term("0" * 64, 500, 2, 4)]
    assert (found.hash, found.range_hashes, found.sha256) == (xet.hash_text(file), [proof], sha256)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x" * 48,
        shard()[:48],
        shard(struct.pack("<32sIIQ", bytes(32), 0, 2**32 - 1, 0)),
        shard(struct.pack("<32sIIQ", bytes(32), 0, 1, 0), struct.pack("<32sIIII", bytes(32), 0, 1, 5, 5)),
    ],
    ids=["empty", "no tag", "cut", "claims much", "empty term"],
)
def test_a_bad_shard_is_refused(body):
    with pytest.raises(ValueError):
        xet.read_shard(body)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_shard_or_a_value_error(body):
    try:
        xet.read_shard(xet.SHARD_TAG + struct.pack("<QQ", 2, 0) + body)
    except ValueError:
        pass
