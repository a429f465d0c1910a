"""The records of a TFRecord file from first to last, each checked by its checksums.

A record is its length (uint64), a checksum of that, its content, and a checksum of this.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from tensorflow.python.lib.io.tf_record import tf_record_random_reader  # checks CRC-32C; no public name has offsets

from tfmlflow.errors import UsageError

HEADER, FOOTER = 12, 4  # bytes before and after the content
POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected
GZIP, ZLIB = b"\x1f\x8b", b"\x78"


@dataclass(frozen=True)
class Framed:
    """A record of a file.

    Attributes:
        number: From 1.
        begin: Of the record, bytes from the file's begin; its content begins `HEADER` bytes later.
        content: None if it is broken.
        why: It is.
    """

    number: int
    begin: int
    content: bytes | None
    why: str = ""


def records(file: Path) -> Iterator[Framed]:
    """All records of a file; after one whose length is damaged nothing can be found any more.

    Raises:
        UsageError: The file cannot be read, or is compressed.
    """
    try:
        stream = os.open(file, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
    try:
        yield from _records(file, stream)
    finally:
        os.close(stream)


def _records(file: Path, stream: int) -> Iterator[Framed]:
    size = os.fstat(stream).st_size
    reader = tf_record_random_reader(str(file))
    begin, number = 0, 1
    while begin < size:
        try:
            content, following = reader.read(begin)
        except tf.errors.DataLossError:
            header = os.pread(stream, HEADER, begin)
            if number == 1 and (header[:2] == GZIP or (header[:1] == ZLIB and _length(header) is None)):
                raise UsageError(
                    f"{file}: is compressed; unpack it, for records are read by their place in it"
                ) from None
            length = _length(header)
            if length is None or begin + HEADER + length + FOOTER > size:
                damaged = "its length is damaged" if number > 1 else "no TFRecord file, or its length is damaged"
                what = damaged if length is None else "it is cut off"
                yield Framed(
                    number, begin, None, f"{what}; with it the last {size - begin:,} bytes of the file are lost"
                )
                return
            yield Framed(number, begin, None, "its checksum does not fit its content")
            following = begin + HEADER + length + FOOTER
        else:
            yield Framed(number, begin, content)
        begin, number = following, number + 1


def _length(header: bytes) -> int | None:
    """Of a record's content; None if it is damaged."""
    if len(header) < HEADER:
        return None
    length, checksum = struct.unpack("<QI", header)
    return int(length) if masked_crc(header[:8]) == checksum else None


def masked_crc(content: bytes) -> int:
    """The checksum of a few bytes as TFRecord files have it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
