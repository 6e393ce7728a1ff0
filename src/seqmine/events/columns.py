"""Names, attributes and numbers: any accepted Arrow type to what the native ingest takes.

Ids are never inferred and never rounded: text stays the bytes it is, integers become their decimal text, and types
that have more than one text (floats, decimals, booleans, times) are refused with the reason.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.errors import CorruptFileError, SchemaError
from seqmine.events import reasons
from seqmine.events.arrow import ArrowArray, pa, pc
from seqmine.events.isotext import text_bytes

__all__ = [
    "KIND_NAMES",
    "MAX_TEXT",
    "AttributeKind",
    "attribute_kind",
    "is_text",
    "read_names",
    "read_numbers",
    "string_column",
]

AttributeKind = Literal["dictionary", "number"]
Bytes = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

KIND_NAMES: Final[dict[AttributeKind, str]] = {"dictionary": "text", "number": "a number"}
MAX_TEXT: Final = 1 << 20
_EXACT_FLOAT: Final = 2**53
_SHORT_SCALE: Final = 22  # 10**22 is the largest power of ten that a float holds exactly
_NUMBER: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text or bytes, in any of Arrow's layouts."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def attribute_kind(kind: pa.DataType) -> AttributeKind | None:
    """Return how an attribute of this type is kept; None where the type leaves it open (no values, or refused)."""
    if pa.types.is_dictionary(kind):
        return attribute_kind(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return attribute_kind(kind.value_type)
    if is_text(kind) or pa.types.is_boolean(kind):
        return "dictionary"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return None


def read_names(
    array: ArrowArray,
    *,
    column: str,
    file: str | None,
    role: str,
    allow_boolean: bool = False,
    refuse_nul: bool = False,
) -> tuple[ArrowArray, Bytes | None]:
    """Return an array of text (string, large_string or a dictionary of these) and the flags of unusable rows.

    Raises
    ------
    SchemaError
        The type has no exact text.
    """
    array = _plain(array, column=column, file=file)
    kind = array.type
    if pa.types.is_dictionary(kind):
        values, bad = read_names(
            array.dictionary, column=column, file=file, role=role, allow_boolean=allow_boolean, refuse_nul=refuse_nul
        )
        names = pa.DictionaryArray.from_arrays(array.indices, values, safe=False)
        if bad is None:
            return names, None
        rows = np.asarray(array.indices.fill_null(0)).astype(np.int64)
        flags = np.where(np.asarray(array.indices.is_valid()), bad[rows], 0).astype(np.uint8)
        return names, flags if flags.any() else None
    if pa.types.is_null(kind):
        return array.cast(pa.string()), None
    if pa.types.is_integer(kind) or (allow_boolean and pa.types.is_boolean(kind)):
        return array.cast(pa.string()), None
    if is_text(kind):
        return _utf8(array, column=column, file=file, refuse_nul=refuse_nul)
    raise SchemaError(
        f"a column of type {kind} cannot be the {role}: {_refusal(kind)}",
        file=file,
        column=column,
        hint="convert the column to text where it is made",
    )


def read_numbers(array: ArrowArray, *, column: str, file: str | None, role: str) -> tuple[Float64, Bytes | None]:
    """Return float64 numbers with NaN for null, and the flags of unusable rows.

    A number has one verdict, and one float64, in every form. NaN and infinity are bad rows. Beyond 2^53 integers,
    decimals and digits without an exponent are bad rows, because a float would not keep them; floats, and text in
    their notation, are what they are.

    Raises
    ------
    SchemaError
        The type does not hold numbers.
    """
    array = _plain(array, column=column, file=file)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    flags = np.zeros(len(array), np.uint8)
    if pa.types.is_null(kind):
        return np.full(len(array), np.nan), None
    valid = np.asarray(array.is_valid())
    if is_text(kind):
        text, bad = _utf8(array, column=column, file=file, refuse_nul=False)
        readable = pc.match_substring_regex(text, _NUMBER).fill_null(False)
        flags[valid & ~np.asarray(readable)] = reasons.VALUE_UNPARSABLE.number
        if bad is not None:
            flags[bad != 0] = bad[bad != 0]
        text = pc.if_else(readable, text, pa.scalar(None, text.type))
        numbers = text.cast(pa.float64())
        flags[_inexact(numbers, text, floats=True)] = reasons.VALUE_INEXACT.number
    elif pa.types.is_integer(kind):
        if kind.bit_width == 64:
            wide = np.asarray(array.fill_null(0))
            inexact = (
                wide > _EXACT_FLOAT if pa.types.is_uint64(kind) else (wide > _EXACT_FLOAT) | (wide < -_EXACT_FLOAT)
            )
            flags[inexact] = reasons.VALUE_INEXACT.number
        numbers = array.cast(pa.float64(), safe=False)  # every inexact one is flagged above
    elif pa.types.is_decimal(kind):
        numbers, inexact = _from_decimals(array)
        flags[inexact] = reasons.VALUE_INEXACT.number
    elif pa.types.is_floating(kind):
        numbers = array.cast(pa.float64())
    else:
        raise SchemaError(
            f"a column of type {kind} cannot be the {role}: it does not hold numbers",
            file=file,
            column=column,
            hint="convert the column to numbers where it is made",
        )
    result = np.array(numbers.fill_null(np.nan) if numbers.null_count else numbers, np.float64)
    flags[~np.isfinite(result) & valid & (flags == 0)] = reasons.VALUE_NOT_FINITE.number
    return result, flags if flags.any() else None


def _inexact(numbers: ArrowArray, text: ArrowArray, *, floats: bool) -> npt.NDArray[np.bool_]:
    """Flag the texts of numbers beyond 2^53; with ``floats``, those with an exponent are floats and pass."""
    size = np.abs(np.asarray(numbers.fill_null(0.0)))
    found: npt.NDArray[np.bool_] = size >= _EXACT_FLOAT
    if not found.any():
        return found
    if floats:
        found &= ~np.asarray(pc.match_substring_regex(text, "[eE]").fill_null(False))
    for position in np.flatnonzero(found & (size == _EXACT_FLOAT)).tolist():  # it, or rounded to it
        found[position] = Decimal(text[position].as_py()).copy_abs() > _EXACT_FLOAT
    return found


def _from_decimals(array: ArrowArray) -> tuple[ArrowArray, npt.NDArray[np.bool_]]:
    """Return the nearest floats of decimals, and which of these are beyond 2^53.

    Arrow's own conversion is often one unit off in the last place (0.35 becomes 0.35000000000000003), so that a
    decimal would not be the number that the same digits are in CSV.
    """
    scale = array.type.scale
    if pa.types.is_decimal128(array.type) and 0 <= scale <= _SHORT_SCALE and len(array):
        words = np.frombuffer(array.buffers()[1], "<i8", 2 * len(array), 16 * array.offset).reshape(-1, 2)
        low = np.where(np.asarray(array.is_valid()), words[:, 0], 0)
        high = np.where(np.asarray(array.is_valid()), words[:, 1], 0)
        if bool(((high == low >> 63) & (low <= _EXACT_FLOAT) & (low >= -_EXACT_FLOAT)).all()):
            # Both sides are exact, so that the one division rounds to the nearest.
            exact = low.astype(np.float64) / float(10**scale)
            return pa.array(exact, mask=~np.asarray(array.is_valid())), np.zeros(len(array), np.bool_)
    text = array.cast(pa.string())
    numbers = text.cast(pa.float64())
    return numbers, _inexact(numbers, text, floats=False)


def string_column(array: ArrowArray) -> _native.StringColumn:
    """Hand an array from `read_names` to the native core without copying its bytes."""
    if pa.types.is_dictionary(array.type):
        validity, indices = array.buffers()[:2]
        index = array.type.index_type
        return _native.StringColumn.dictionary(
            len(array),
            array.offset,
            validity,
            indices,
            index.bit_width // 8,
            string_column(array.dictionary),
            pa.types.is_signed_integer(index),
        )
    validity, offsets, data = array.buffers()
    large = pa.types.is_large_string(array.type)
    return _native.StringColumn(len(array), array.offset, validity, offsets, data, large)


def _plain(array: ArrowArray, *, column: str, file: str | None) -> ArrowArray:
    """Undo run-end encoding, and dictionaries larger than the batch, whose conversion would cost more than it saves."""
    if pa.types.is_run_end_encoded(array.type):
        return pc.run_end_decode(array)
    if not pa.types.is_dictionary(array.type):
        return array
    indices = np.asarray(array.indices.drop_null())
    # The native core trusts indices, and a damaged file or a faulty producer may hold any.
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= len(array.dictionary)):
        raise CorruptFileError(
            "the column points outside of its own dictionary", file=file, column=column, hint="write the data again"
        )
    return array.dictionary_decode() if len(array.dictionary) > len(array) else array


def _refusal(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind):
        return "floats as ids lose digits (9007199254740993 becomes ...992) and 7 turns into 7.0"
    if pa.types.is_decimal(kind):
        return "decimals have several texts for one number"
    if pa.types.is_boolean(kind):
        return "true and false are no names"
    if pa.types.is_temporal(kind):
        return "a time has several texts"
    return "it has no exact text"


def _utf8(array: ArrowArray, *, column: str, file: str | None, refuse_nul: bool) -> tuple[ArrowArray, Bytes | None]:
    """Return text that is known to be UTF-8, short and (in CSV) free of NUL; unusable rows are flagged and read "?".

    They do not become null, which would hide the reason: a null key is a reason of its own.
    """
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        array = array.view(pa.large_string() if wide else pa.string())
    data, starts, lengths = text_bytes(array)
    flags = np.zeros(len(array), np.uint8)
    valid = np.ones(len(array), np.bool_) if array.null_count == 0 else np.asarray(array.is_valid())
    if lengths.size and (int(lengths.min()) < 0 or int(starts[0]) < 0 or int(starts[-1] + lengths[-1]) > data.size):
        raise CorruptFileError(
            "the column points outside of its own text", file=file, column=column, hint="write the data again"
        )
    if lengths.size and int(lengths.max()) > MAX_TEXT:
        flags[valid & (lengths > MAX_TEXT)] = reasons.FIELD_TOO_LONG.number
    span = data[int(starts[0]) : int(starts[-1] + lengths[-1])] if lengths.size else data
    if refuse_nul and span.size and not span.all():
        nul = np.asarray(pc.match_substring(array, "\0").fill_null(False))
        flags[nul] = reasons.NUL_CHARACTER.number
    if span.size and int(span.max()) >= 0x80:  # ASCII is UTF-8: only other text needs the full look
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            flags[valid & ~_decodable(array)] = reasons.BAD_ENCODING.number
    if not flags.any():
        return array, None
    return pc.if_else(pa.array(flags == 0), array, pa.scalar("?", array.type)), flags


def _decodable(array: ArrowArray) -> npt.NDArray[np.bool_]:
    """Return which rows are UTF-8, by halving: only runs with a fault in them are looked into."""
    good = np.ones(len(array), np.bool_)
    pending = [(0, len(array))]
    while pending:
        start, size = pending.pop()
        try:
            array.slice(start, size).validate(full=True)
        except pa.ArrowInvalid:
            if size == 1:
                good[start] = False
            else:
                pending += [(start, size // 2), (start + size // 2, size - size // 2)]
    return good
