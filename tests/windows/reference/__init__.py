"""The oracle of intervention windows: what they mean, written a second time from the specification alone.

Plain Python over lists of events, pandas for counting, statsmodels for the same estimates by regression. It imports
nothing of seqmine and prefers trying everything to being clever. `trials` expands rows, `effects` estimates, `search`
scans. Times are whole microseconds, intervals half open, windows [lo, hi) are counted in bins of delay.
"""
