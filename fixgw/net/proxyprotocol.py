"""The header with which a balancer says whose connection it passes on: PROXY protocol.

Version 1 is a line of text, version 2 is binary; both are told apart by their first
byte. What this reads is the specification of HAProxy, sections 2.1 to 2.3. It is
sans-I/O: bytes go in, in any pieces, and once the header is complete it says where the
client is and which bytes follow.

Whether a peer may send such a header at all is for the caller to know: a header that is
believed from anybody lets anybody come from anywhere.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

SIGNATURE_V1 = b"PROXY "
SIGNATURE_V2 = b"\r\n\r\n\0\r\nQUIT\n"

LINE_BYTES_MAX = 107
"""The longest line of version 1 there can be, with its end: section 2.1."""

BLOCK_BYTES_MAX = 4096
"""Addresses and extensions of version 2: balancers send below 600 bytes; the two bytes
of its length could say 65,535."""

_HEAD_V2 = struct.Struct("!12sBBH")
_IPV4 = struct.Struct("!4s4sHH")
_IPV6 = struct.Struct("!16s16sHH")

_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6 = 0x00, 0x11, 0x21


class ProxyHeaderWrong(ValueError):
    """These bytes do not begin with a PROXY header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a header says. Without a source the connection is the balancer's own, as for
    its health checks, and the peer's address is the client's."""

    source: tuple[str, int] | None = None
    """Address and port of the client."""


class ProxyReader:
    """Reads the header of one connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.rest = b""
        """Behind the header, once it is complete."""

    def receive(self, data: bytes) -> ProxyHeader | None:
        """The header, if ``data`` completes it; afterwards not to be called again.

        Raises ProxyHeaderWrong with the first byte that fits no header.
        """
        self._buffer += data
        begin = bytes(self._buffer[: len(SIGNATURE_V2)])
        if SIGNATURE_V1.startswith(begin[: len(SIGNATURE_V1)]):
            return self._line()
        if SIGNATURE_V2.startswith(begin):
            return self._block()
        raise ProxyHeaderWrong("it begins with other bytes than a PROXY header")

    def _end(self, size: int) -> None:
        self.rest = bytes(self._buffer[size:])
        self._buffer.clear()

    def _line(self) -> ProxyHeader | None:
        """Version 1."""
        stop = self._buffer.find(b"\r\n", 0, LINE_BYTES_MAX)
        if stop < 0:
            if len(self._buffer) >= LINE_BYTES_MAX:
                raise ProxyHeaderWrong(f"its line has no end in {LINE_BYTES_MAX} bytes")
            return None
        header = _parse_line(bytes(self._buffer[:stop]))
        self._end(stop + 2)
        return header

    def _block(self) -> ProxyHeader | None:
        """Version 2."""
        if len(self._buffer) < _HEAD_V2.size:
            return None
        _, command, family, size = _HEAD_V2.unpack_from(self._buffer)
        if command not in (_LOCAL, _PROXY):
            raise ProxyHeaderWrong(f"version and command {command:#04x} are unknown")
        if size > BLOCK_BYTES_MAX:
            raise ProxyHeaderWrong(f"its {size} bytes are more than {BLOCK_BYTES_MAX}")
        end = _HEAD_V2.size + size
        if len(self._buffer) < end:
            return None
        block = bytes(self._buffer[_HEAD_V2.size : end])
        # LOCAL: whatever the block says is to be skipped.
        header = _parse_block(family, block) if command == _PROXY else ProxyHeader()
        self._end(end)
        return header


def _parse_line(line: bytes) -> ProxyHeader:
    """``PROXY TCP4 source destination source-port destination-port``."""
    words = line.decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        # What follows it is to be ignored.
        return ProxyHeader()
    kinds: dict[str, type[IPv4Address] | type[IPv6Address]] = {
        "TCP4": IPv4Address,
        "TCP6": IPv6Address,
    }
    if len(words) != 6 or words[1] not in kinds:
        raise ProxyHeaderWrong(f"its line is {line[:LINE_BYTES_MAX]!r}")
    try:
        source, _ = (_text_of(kinds[words[1]](word)) for word in words[2:4])
    except ValueError as error:
        raise ProxyHeaderWrong(str(error)) from None
    port, _ = (_port(word) for word in words[4:6])
    return ProxyHeader((source, port))


def _port(word: str) -> int:
    """A port as the specification writes it: decimal, no leading zeros."""
    if word.isascii() and word.isdigit() and len(word) <= 5:
        port = int(word)
        if str(port) == word and port <= 65535:
            return port
    raise ProxyHeaderWrong(f"{word!r} is no port")


def _parse_block(family: int, block: bytes) -> ProxyHeader:
    """Addresses, and behind them extensions, which are skipped."""
    if family == _UNSPECIFIED:
        return ProxyHeader()
    layout = {_TCP4: _IPV4, _TCP6: _IPV6}.get(family)
    if layout is None:
        raise ProxyHeaderWrong(f"address family {family:#04x} is not TCP over IP")
    if len(block) < layout.size:
        raise ProxyHeaderWrong(f"its {len(block)} bytes hold no address")
    source, _, port, _ = layout.unpack_from(block)
    address = IPv4Address(source) if family == _TCP4 else IPv6Address(source)
    return ProxyHeader((_text_of(address), port))


def _text_of(address: IPv4Address | IPv6Address) -> str:
    """A balancer that listens for both families says IPv4 in the form of IPv6: it is
    the same client, and has the same limits and permissions."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
