"""Frames of a link: however the stream is cut, the same frames come out."""

from __future__ import annotations

import contextlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.frames import (
    FRAME_BYTES_MAX,
    FRAME_HEADER_BYTES,
    FRAME_MAGIC,
    LINK_VERSION,
    VERSION,
    Frame,
    FrameReader,
    FrameType,
    LinkError,
    pack_frame,
)
from engine.records import LAYOUT_VERSION

FRAMES = [
    Frame(FrameType.HELLO, 0, 7, 12345, b""),
    Frame(FrameType.WELCOME, 3, 99, 2**64 - 1, b""),
    Frame(FrameType.COMMANDS, 2, 1, 0, b"c" * 512),
    Frame(FrameType.EVENTS, 1, 100, 1, b"LINK" * 80),
    Frame(FrameType.EVENTS, 0, 101, 2, b""),
    Frame(FrameType.REFUSED, 0, 0, 0, b"because"),
]


def packed(frame: Frame) -> bytes:
    return pack_frame(frame.type, frame.number, frame.extra, frame.payload, frame.count)


STREAM = b"".join(packed(frame) for frame in FRAMES)


def read(*chunks: bytes) -> list[Frame]:
    reader = FrameReader()
    return [frame for chunk in chunks for frame in reader.feed(chunk)]


def header(
    magic: int = FRAME_MAGIC,
    version: int = VERSION,
    kind: int = FrameType.EVENTS,
    length: int = 0,
) -> bytes:
    return struct.pack("<IHHIIQQ", magic, version, kind, length, 0, 0, 0)


# -- good streams ----------------------------------------------------------------------


def test_whole() -> None:
    assert read(STREAM) == FRAMES


def test_byte_by_byte() -> None:
    assert read(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == FRAMES


def test_every_cut_in_two() -> None:
    for cut in range(len(STREAM) + 1):
        assert read(STREAM[:cut], STREAM[cut:]) == FRAMES


def test_a_frame_is_given_as_soon_as_it_is_whole() -> None:
    reader = FrameReader()
    for frame in FRAMES:
        data = packed(frame)
        assert reader.feed(data[:-1]) == []
        assert reader.feed(data[-1:]) == [frame]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Frame], list[bytes]]:
    u64 = st.integers(0, 2**64 - 1)
    one = st.builds(
        Frame,
        st.sampled_from(FrameType),
        st.integers(0, 2**32 - 1),
        u64,
        u64,
        st.binary(max_size=70),
    )
    frames = draw(st.lists(one, max_size=8))
    data = b"".join(packed(frame) for frame in frames)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    bounds = [0, *cuts, len(data)]
    chunks = [data[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]
    return frames, chunks


@given(streams())
def test_any_split(case: tuple[list[Frame], list[bytes]]) -> None:
    frames, chunks = case
    assert read(*chunks) == frames


def test_a_large_frame_in_the_pieces_of_a_socket() -> None:
    payload = random.Random(1).randbytes(3_000_000)
    data = pack_frame(FrameType.EVENTS, 1, 2, payload, 3) + STREAM
    chunks = (data[i : i + 65_536] for i in range(0, len(data), 65_536))
    assert read(*chunks) == [Frame(FrameType.EVENTS, 3, 1, 2, payload), *FRAMES]


def test_a_frame_owns_its_payload() -> None:
    chunk = bytearray(packed(FRAMES[2]))
    (frame,) = read(bytes(chunk))
    chunk[:] = bytes(len(chunk))
    assert frame.payload == b"c" * 512
    assert type(frame.payload) is bytes


# -- bad streams -----------------------------------------------------------------------


BAD = {
    "magic": (header(magic=FRAME_MAGIC ^ 1), "no frame of the link protocol"),
    "text": (b"8=FIX.4.4".ljust(FRAME_HEADER_BYTES), "no frame of the link protocol"),
    "link version": (
        header(version=(LINK_VERSION + 1) << 8 | LAYOUT_VERSION),
        "link and layout version 0x202, this build speaks 0x102: "
        "run the same release on both sides",
    ),
    "layout version": (
        header(version=LINK_VERSION << 8 | LAYOUT_VERSION + 1),
        "link and layout version 0x103, this build speaks 0x102: "
        "run the same release on both sides",
    ),
    "length": (header(length=FRAME_BYTES_MAX + 1), "a frame of 33554433 bytes"),
    "type 0": (header(kind=0), "unknown frame type 0"),
    "type 6": (header(kind=6), "unknown frame type 6"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame(name: str) -> None:
    data, reason = BAD[name]
    with pytest.raises(LinkError) as caught:
        read(data)
    assert str(caught.value) == reason


@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame_byte_by_byte(name: str) -> None:
    """It is refused with its last header byte at the latest, not after its payload."""
    data, reason = BAD[name]
    reader = FrameReader()
    for byte in data[:-1]:
        assert reader.feed(bytes([byte])) == []
    with pytest.raises(LinkError) as caught:
        reader.feed(data[-1:])
    assert str(caught.value) == reason


def test_whole_frames_before_a_bad_one_are_given() -> None:
    """As they are when the bad one arrives in a read of its own."""
    reader = FrameReader()
    before: list[Frame] = []
    with contextlib.suppress(LinkError):
        before += reader.feed(STREAM + BAD["magic"][0])
    assert before == FRAMES
    with pytest.raises(LinkError):
        reader.feed(b"")


def test_an_unknown_type_is_refused_before_its_payload() -> None:
    with pytest.raises(LinkError, match="unknown frame type 9"):
        read(header(kind=9, length=FRAME_BYTES_MAX))


def test_the_longest_frame_is_taken() -> None:
    data = pack_frame(FrameType.EVENTS, 1, payload=bytes(FRAME_BYTES_MAX))
    (frame,) = read(data)
    assert len(frame.payload) == FRAME_BYTES_MAX


def test_no_frame_is_packed_that_would_be_refused() -> None:
    """The other side would close the link, ask again, and get the same frame."""
    with pytest.raises(ValueError, match="bytes"):
        pack_frame(FrameType.EVENTS, 1, payload=bytes(FRAME_BYTES_MAX + 1))
