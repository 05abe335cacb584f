"""Recordings: valid MP4 files (H.264) of any size, made in pure Python and never held in memory.

A file is a short film of coloured cards, each shown for its share of the length, and then as much padding as the
wanted size asks for (a ``free`` box, which players skip). The pictures are coded as raw samples (``I_PCM``
macroblocks), the one kind of H.264 that needs no encoder. Every byte follows from the seed and its position, so any
range can be read on its own.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from functools import cached_property, lru_cache
from random import Random

from airflow_provider_sessions.sandbox.ids import dice

CHUNK = 256 * 1024
_TIMESCALE = 1000
_WIDTH, _HEIGHT = 64, 48
_CARDS = 6
_BLOCK = 64 * 1024
_LARGE_BOX_HEADER = 16


class Recording:
    """One media file.

    :param seed: what the content depends on.
    :param size: bytes wanted; a file that would be smaller than its film (some 30 KB) has the film's size.
    :param seconds: the length that the file states.
    """

    content_type = "video/mp4"

    def __init__(self, seed: str, size: int, seconds: float) -> None:
        self._seed = seed
        self._duration = max(1, round(seconds * _TIMESCALE))
        self.size = max(size, _film_size() + _LARGE_BOX_HEADER)

    @cached_property
    def _head(self) -> bytes:
        """The film and the beginning of the padding."""
        film = _film(self._seed, self._duration)
        # A box may state its size in 64 bits (size field 1), so that padding beyond 4 GiB is legal.
        return film + struct.pack(">I4sQ", 1, b"free", self.size - len(film))

    @cached_property
    def sha256(self) -> str:
        """The checksum of the whole file, as hexadecimal digits."""
        digest = hashlib.sha256()
        for chunk in self.read(0, self.size):
            digest.update(chunk)
        return digest.hexdigest()

    @property
    def etag(self) -> str:
        """A strong entity tag: changes with the content, costs nothing to make."""
        return f'"{hashlib.sha256(f"{self._seed}:{self.size}:{self._duration}".encode()).hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to, not including, ``stop``, in chunks."""
        while start < stop:
            end = min(start + CHUNK, stop)
            yield self._slice(start, end)
            start = end

    def _slice(self, start: int, stop: int) -> bytes:
        head = self._head[start:stop]
        if len(head) == stop - start:
            return head
        return head + self._padding(max(0, start - len(self._head)), stop - len(self._head))

    def _padding(self, start: int, stop: int) -> bytes:
        """Blocks of noise, each with its number in front, so that no two places hold the same bytes."""
        first, last = start // _BLOCK, -(-stop // _BLOCK)
        noise = _noise(self._seed)
        blocks = b"".join(number.to_bytes(8, "big") + noise for number in range(first, last))
        return blocks[start - first * _BLOCK : stop - first * _BLOCK]


@lru_cache(maxsize=64)
def _noise(seed: str) -> bytes:
    return dice(f"{seed}:noise").randbytes(_BLOCK - 8)


@lru_cache(maxsize=1)
def _film_size() -> int:
    """The size of a film: the same for all, because every number in it has a fixed width."""
    return len(_film("any", 1))


@lru_cache(maxsize=64)
def _film(seed: str, duration: int) -> bytes:
    """A complete MP4 file: ``ftyp``, ``moov`` with one video track, ``mdat`` with its frames."""
    rng = dice(f"{seed}:film")
    frames = [_frame(number, rng) for number in range(_CARDS)]
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    # The index states where the frames begin, so its own length is found with a first try.
    length = len(kind) + len(_moov(frames, duration, 0)) + 8
    return kind + _moov(frames, duration, length) + _box(b"mdat", *frames)


# --- H.264 ------------------------------------------------------------------------------------------------------------


class _Bits:
    """Writes the bit strings of which H.264's headers consist."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, width: int, value: int) -> _Bits:
        """An unsigned number of fixed width."""
        self._bits.append(f"{value:0{width}b}")
        return self

    def ue(self, value: int) -> _Bits:
        """An unsigned Exp-Golomb number."""
        digits = f"{value + 1:b}"
        self._bits.append("0" * (len(digits) - 1) + digits)
        return self

    def align(self, fill: str = "0") -> _Bits:
        """Fill up to a whole byte."""
        self._bits.append(fill * (-len("".join(self._bits)) % 8))
        return self

    def bytes(self) -> bytes:
        """What was written; it must be whole bytes."""
        bits = "".join(self._bits)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _sequence_parameters() -> bytes:
    bits = _Bits().u(8, 66).u(8, 0xC0).u(8, 10)  # constrained baseline profile, level 1
    bits.ue(0).ue(0).ue(2).ue(0).u(1, 0)  # id, frame number of 4 bits, output in decoding order, no references
    bits.ue(_WIDTH // 16 - 1).ue(_HEIGHT // 16 - 1).u(1, 1)  # size in macroblocks, frames only
    bits.u(1, 1).u(1, 0).u(1, 0)  # direct_8x8, no cropping, no usability information
    return _unit(0x67, bits.u(1, 1).align().bytes())


def _picture_parameters() -> bytes:
    bits = _Bits().ue(0).ue(0).u(1, 0).u(1, 0).ue(0)  # ids, CAVLC, no field order, one slice group
    bits.ue(0).ue(0).u(1, 0).u(2, 0).ue(0).ue(0).ue(0)  # references, no weights, quantisers at their middle
    return _unit(0x68, bits.u(1, 1).u(1, 0).u(1, 0).u(1, 1).align().bytes())  # deblocking control present


def _unit(kind: int, payload: bytes) -> bytes:
    """A unit with its escapes: no start code may appear inside."""
    if b"\0\0" not in payload:
        return bytes([kind]) + payload
    escaped = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes([kind]) + bytes(escaped)


def _frame(number: int, rng: Random) -> bytes:
    """One intra-coded picture: a coloured card with a lighter bar that moves."""
    luma, blue, red = rng.randint(60, 150), rng.randint(40, 210), rng.randint(40, 210)
    header = _Bits().ue(0).ue(7).ue(0).u(4, 0).ue(number % 2)  # first block, I slice, parameters, number, id
    header.u(1, 0).u(1, 0).ue(0).ue(1)  # no long-term reference, quantiser unchanged, no deblocking
    payload = bytearray()
    bits = header
    columns = _WIDTH // 16
    for block in range(columns * _HEIGHT // 16):
        payload += bits.ue(25).align().bytes()  # I_PCM, then samples from a byte boundary
        shade = luma + 70 if block % columns == number % columns else luma
        payload += bytes([shade]) * 256 + bytes([blue]) * 64 + bytes([red]) * 64
        bits = _Bits()
    unit = _unit(0x65, bytes(payload) + b"\x80")
    return struct.pack(">I", len(unit)) + unit


# --- MP4 --------------------------------------------------------------------------------------------------------------

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _full(kind: bytes, flags: int, *parts: bytes) -> bytes:
    """A box with a version (0) and flags."""
    return _box(kind, struct.pack(">I", flags), *parts)


def _moov(frames: list[bytes], duration: int, offset: int) -> bytes:
    movie = struct.pack(">4I", 0, 0, _TIMESCALE, duration) + struct.pack(">IH10x", 0x10000, 0x100)
    header = _full(b"mvhd", 0, movie, _MATRIX, bytes(24), struct.pack(">I", 2))
    return _box(b"moov", header, _track(frames, duration, offset))


def _track(frames: list[bytes], duration: int, offset: int) -> bytes:
    track = struct.pack(">5I", 0, 0, 1, 0, duration) + bytes(16)
    header = _full(b"tkhd", 3, track, _MATRIX, struct.pack(">II", _WIDTH << 16, _HEIGHT << 16))
    media = _full(b"mdhd", 0, struct.pack(">4IHH", 0, 0, _TIMESCALE, duration, 0x55C4, 0))
    handler = _full(b"hdlr", 0, bytes(4), b"vide", bytes(12), b"Sandbox\0")
    source = _box(b"dinf", _full(b"dref", 0, struct.pack(">I", 1), _full(b"url ", 1)))
    info = _box(b"minf", _full(b"vmhd", 1, bytes(8)), source, _sample_table(frames, duration, offset))
    return _box(b"trak", header, _box(b"mdia", media, handler, info))


def _sample_table(frames: list[bytes], duration: int, offset: int) -> bytes:
    share, rest = divmod(duration, len(frames))
    times = struct.pack(">5I", 2, len(frames) - 1, share, 1, share + rest)
    sizes = struct.pack(f">{len(frames) + 2}I", 0, len(frames), *map(len, frames))
    return _box(
        b"stbl",
        _full(b"stsd", 0, struct.pack(">I", 1), _sample_entry()),
        _full(b"stts", 0, times),
        _full(b"stsc", 0, struct.pack(">4I", 1, 1, len(frames), 1)),
        _full(b"stsz", 0, sizes),
        _full(b"stco", 0, struct.pack(">2I", 1, offset)),
    )


def _sample_entry() -> bytes:
    sequence, picture = _sequence_parameters(), _picture_parameters()
    config = bytes([1, *sequence[1:4], 0xFF, 0xE1]) + struct.pack(">H", len(sequence)) + sequence
    config += b"\x01" + struct.pack(">H", len(picture)) + picture
    visual = bytes(6) + struct.pack(">H16xHHII4xH", 1, _WIDTH, _HEIGHT, 0x480000, 0x480000, 1)
    return _box(b"avc1", visual, b"\x07Sandbox".ljust(32, b"\0"), struct.pack(">Hh", 24, -1), _box(b"avcC", config))
