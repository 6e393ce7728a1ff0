"""The oracle: seqmine's meaning written a second time, from its specification alone.

Pure Python on Python integers and fractions. It imports the standard library only, shares no line with the
package under test, and prefers trying everything to being clever.
"""
