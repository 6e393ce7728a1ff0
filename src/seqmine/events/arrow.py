"""Arrow under names that a type checker can follow.

The stubs of pyarrow give every array type its own class and every compute function the classes that it accepts, but
they cannot know what ``array.type`` says. In this package arrays are told apart by that, so their static type is open.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute

__all__ = ["ArrowArray", "pa", "pc"]

ArrowArray: TypeAlias = Any  # pyarrow.Array or ChunkedArray

pa: Any = pyarrow
pc: Any = pyarrow.compute
