"""The PROXY header: any bytes give a header, an objection or neither, however cut.

It keeps no more than a header may be; what follows the header comes out untouched; and
an address is one that the specification could mean.
"""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from zlib import crc32

from fixgw.net.proxyprotocol import (
    BLOCK_BYTES_MAX,
    LINE_BYTES_MAX,
    SIGNATURE_V1,
    SIGNATURE_V2,
    ProxyHeader,
    ProxyHeaderWrong,
    ProxyReader,
)
from tests.fuzz import mutate

CORPUS = "proxy"
MUTATE = mutate.proxy

HEADER_BYTES_MAX = max(LINE_BYTES_MAX, 16 + BLOCK_BYTES_MAX)

Outcome = tuple[ProxyHeader | str | None, bytes]


def read(data: bytes, sizes: Random | None) -> Outcome:
    """The header or the objection, and what follows; all at once without sizes."""
    reader = ProxyReader()
    place = 0
    while place < len(data):
        size = sizes.choice((1, 2, 12, 100)) if sizes else len(data)
        place, begin = place + size, place
        try:
            header = reader.receive(data[begin:place])
        except ProxyHeaderWrong:
            return "wrong", b""
        if header is not None:
            return header, reader.rest + data[place:]
        assert place <= HEADER_BYTES_MAX + size, "no header has so many bytes"
    return None, b""


def check(data: bytes) -> None:
    whole = read(data, None)
    found, rest = whole
    assert read(data, Random(crc32(data))) == whole, "cut in another way"
    if found is None:
        assert len(data) <= HEADER_BYTES_MAX
        begins = (SIGNATURE_V1, SIGNATURE_V2)
        assert any(data[: len(each)] == each[: len(data)] for each in begins)
    elif isinstance(found, ProxyHeader):
        assert data.endswith(rest)
        used = data[: len(data) - len(rest)]
        assert read(used, None) == (found, b""), "what follows has a say"
        assert read(used[:-1], None)[0] is None, "complete before its end"
        if found.source is not None:
            address, port = found.source
            assert str(ip_address(address)) == address
            assert 0 <= port <= 65_535
