"""The two halves of a study: one finds, the other judges.

The half of an entity depends on its id and the seed alone, never on its rows, its events, the other entities or
their order, so that every part of a study (and every later run on a longer log) splits in the same way.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine.errors import NullKeyError, ParameterError
from seqmine.labels._columns import encode, plain

DISCOVERY = 0
ESTIMATION = 1


def split_halves(entities: pa.Array[Any] | pa.ChunkedArray[Any], seed: int) -> npt.NDArray[np.uint8]:
    """Half of each entity: 0 = discovery, 1 = estimation.

    The half is the first bit of BLAKE2b (8-byte digest, personalised ``seqmine.split``, keyed with the decimal
    text of ``seed``) of the UTF-8 bytes of the entity id; read as a big-endian number, digests below 2**63 are
    discovery.

    Parameters
    ----------
    entities
        Entity ids as text, shape ``(n,)``; repeated ids always get the same half.
    seed
        Any integer that fits 64 bits.

    Returns
    -------
    numpy.ndarray
        uint8, shape ``(n,)``, in the order of ``entities``.

    Raises
    ------
    ParameterError
        ``seed`` is no 64-bit integer, or ``entities`` is not text.
    NullKeyError
        An entity is null.
    """
    return np.asarray(first_bytes(entities, seed) >> 7, dtype=np.uint8)


def first_bytes(entities: pa.Array[Any] | pa.ChunkedArray[Any], seed: int) -> npt.NDArray[np.uint8]:
    """First byte of each entity's digest, see `split_halves`: its first bit is the half, the others are free."""
    check_seed(seed)
    column = plain(entities)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise ParameterError(f"entities must be text, not {column.type}", hint="cast the ids to pyarrow.string()")
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise NullKeyError("null entity", row=row, hint="every row needs an entity")
    code, names = encode(column)
    keyed = hashlib.blake2b(digest_size=8, key=str(seed).encode(), person=b"seqmine.split")
    # One digest per distinct id (BLAKE2b has no vectorised form in the dependencies); rows only look theirs up.
    first = np.empty(len(names), dtype=np.uint8)
    for i, name in enumerate(names.to_pylist()):
        state = keyed.copy()
        state.update(name.encode())
        first[i] = state.digest()[0]
    return first[code]


def check_seed(seed: object) -> None:
    """ParameterError unless `seed` is an integer of 64 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ParameterError(f"seed must be an integer, not {type(seed).__name__}")
    if not -(2**63) <= seed < 2**63:
        raise ParameterError("seed does not fit 64 bits", hint="use an integer from -2**63 to 2**63 - 1")
