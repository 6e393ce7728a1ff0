"""Random draws by counter: the n-th draw of a stream is a function of (seed, entity, stream, n) and nothing else.

Each entity has its own array of stream states, so it does not matter which thread makes which entity, or in what order.
A stream is SplitMix64 from a start that is itself mixed from the key. Source: Steele, Lea & Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014, section 4; the mixing constants are Stafford's variant 13.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel

__all__ = ["exponential", "gamma", "mix", "normal", "open_streams", "pick", "poisson", "uniform", "unit"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ENTITY = np.uint64(0xD1342543DE82EF95)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ULP = 1.0 / 9007199254740992.0  # 2^-53


@kernel
def mix(word):
    """Return 64 bits that look independent of those of any other word."""
    word = (word ^ (word >> _S30)) * _M1
    word = (word ^ (word >> _S27)) * _M2
    return word ^ (word >> _S31)


@kernel
def unit(word):
    """Return the top 53 bits of a word as a number in [0, 1)."""
    return np.float64(word >> _S11) * _ULP


@kernel
def open_streams(state, seed, entity):
    """Set every stream of ``state`` to its start for this entity."""
    root = mix(mix(seed + _GOLDEN) + (np.uint64(entity) + np.uint64(1)) * _ENTITY)
    for i in range(state.size):
        state[i] = mix(root + np.uint64(i + 1) * _GOLDEN)


@kernel
def uniform(state, stream):
    """Draw from [0, 1)."""
    state[stream] += _GOLDEN
    return unit(mix(state[stream]))


@kernel
def exponential(state, stream):
    """Draw from the exponential law of mean 1."""
    return -math.log(1.0 - uniform(state, stream))


@kernel
def normal(state, stream):
    """Draw from the standard normal law: one half of a Box-Muller pair, so that every draw takes two uniforms."""
    radius = math.sqrt(2.0 * exponential(state, stream))
    return radius * math.cos(2.0 * math.pi * uniform(state, stream))


@kernel
def gamma(state, stream, shape):
    """Draw from the gamma law of this shape and scale 1 (Marsaglia & Tsang 2000, ACM TOMS 26(3))."""
    boost = 1.0
    if shape < 1.0:
        boost = math.exp(-exponential(state, stream) / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state, stream)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if -exponential(state, stream) < 0.5 * x * x + d - d * v + d * math.log(v):
            return boost * d * v


@kernel
def poisson(state, stream, mean):
    """Draw a Poisson count by adding up exponential waits: O(mean), meant for small means."""
    count = 0
    waited = exponential(state, stream)
    while waited < mean:
        count += 1
        waited += exponential(state, stream)
    return count


@kernel
def pick(cumulative, u):
    """Return the first position whose cumulative share lies above ``u``; the last share is 1."""
    lo, hi = 0, cumulative.size - 1
    while lo < hi:
        middle = (lo + hi) // 2
        if u < cumulative[middle]:
            hi = middle
        else:
            lo = middle + 1
    return lo
