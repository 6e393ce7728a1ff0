"""When is a call after the second order worth making? The naive answer, seqmine's, and the truth.

    python examples/intervention_windows.py
    python examples/intervention_windows.py --customers 12000 --picture window.svg

The customers are simulated, so the truth is known: a call helps when it comes 19 to 37 hours after the second order,
and at no other time. Who is called is no chance: those at risk are, and those who complain. About half of all customers
leave, most of them within days, so whoever is called late has stayed until then.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import seqmine as sm
from seqmine.simulation import Truth, window_world

ACTION = "csm_call"
LO, HI = timedelta(hours=19), timedelta(hours=37)
Window = tuple[timedelta, timedelta]


@dataclass(frozen=True)
class Story:
    """The two answers and the truth; effects are differences of the share that leaves within 30 days."""

    n_customers: int
    n_called: int
    result: sm.WindowResult
    naive: Window
    naive_effect: float
    ours: Window | None
    effect: float | None
    interval: tuple[float, float] | None
    truth: Truth

    def true_effect(self, window: Window) -> float:
        """What calls in a window truly change, against usual care."""
        return self.truth.att(ACTION, *window).vs_usual


def tell(n_customers: int = 30_000, seed: int = 0, threads: int = 0) -> Story:
    """Simulate, scan, and look up the truth."""
    log, truth = sm.simulate(window_world(n_customers, seed=seed), threads=threads)
    moment = truth.moment("second_order").pattern
    options = sm.WindowOptions(max_delay="7d", direction="lowers", threads=threads)
    result = sm.scan_windows(log, moment, ACTION, truth.window_study(ACTION), options)
    row = result.to_arrow().to_pylist()[0]
    found = row["timing"]
    return Story(
        n_customers=n_customers,
        n_called=truth.att(ACTION, "0h", "7d").n_treated,
        result=result,
        naive=(row["naive_lo"], row["naive_hi"]),
        naive_effect=row["naive_effect"],
        ours=(row["lo"], row["hi"]) if found else None,
        effect=row["effect"] if found else None,
        interval=(row["effect_low"], row["effect_high"]) if found else None,
        truth=truth,
    )


def shared(one: Window, other: Window) -> float:
    """How far two windows are the same: 0 when they do not meet, 1 when they are equal."""
    both = min(one[1], other[1]) - max(one[0], other[0])
    return max(both / (max(one[1], other[1]) - min(one[0], other[0])), 0.0)


def text(story: Story) -> str:
    """The story, to be read aloud."""
    said = [one.replace("the table's outcome", "leaving within 30 days") for one in story.result.statements()]
    true = (LO, HI)
    lines = [
        f"{story.n_customers:,} customers; {story.n_called:,} of them got a call within a week of their second order.",
        "When is such a call worth making?",
        "",
        "WHAT ANY TOOL WOULD SAY",
        f"  Of those called {hours(story.naive)} after the order {points(story.naive_effect)} left than of those",
        "  never called. So take your time, and call late?",
        "  No. Whoever is called on day five has stayed for five days; those who left on day one were never called.",
        f"  In truth calls in that window change {change(story.true_effect(story.naive))}.",
        "",
        "WHAT SEQMINE SAYS",
        *(textwrap.fill(sentence, 110, initial_indent="  ", subsequent_indent="  ") for sentence in said),
        "",
        "WHAT IS TRUE",
        f"  A call helps {hours(true)} after the order, and at no other time: there {points(story.true_effect(true))}",
        "  leave.",
    ]
    if story.ours is None or story.interval is None:
        return "\n".join([*lines, "  So few customers do not show it: seqmine claims no window."])
    low, high = story.interval
    truly = story.true_effect(story.ours)
    where = "inside" if low <= truly <= high else "OUTSIDE"
    lines += [
        f"  Our window and the true one are {shared(story.ours, true):.0%} the same, the naive one and the true one "
        f"{shared(story.naive, true):.0%}.",
        f"  Calls in our window truly change {change(truly)}, which lies {where} of our interval, {100 * low:+.1f} to "
        f"{100 * high:+.1f}.",
        "",
        "SO",
        f"  Call {hours(story.ours)} after the second order. Before much depends on it, let chance decide for some",
        "  customers who is called: that is the one check that nothing unseen can spoil.",
    ]
    return "\n".join(lines)


def hours(window: Window) -> str:
    """``19 to 37 hours``."""
    return " to ".join(f"{edge / timedelta(hours=1):.0f}" for edge in window) + " hours"


def points(effect: float) -> str:
    """``12.3 points fewer``."""
    return f"{100 * abs(effect):.1f} points {'fewer' if effect < 0 else 'more'}"


def change(effect: float) -> str:
    """``-12.3 points``."""
    return f"{100 * effect:+.1f} points"


def main(arguments: list[str]) -> None:
    """Tell the story of so many customers, and draw it if wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="draw the effect by delay there (needs matplotlib)")
    given = parser.parse_args(arguments)
    story = tell(given.customers, given.seed)
    print(text(story))
    if given.picture is not None:
        story.result.plot().savefig(given.picture)


if __name__ == "__main__":
    main(sys.argv[1:])
