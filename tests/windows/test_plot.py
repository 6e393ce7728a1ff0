"""Pictures of windows: what is in them, and that the same result is the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.windows_log import OBSERVED_UNTIL, OUTCOME, calls_after_tickets

import seqmine as sm
from seqmine.errors import MissingDependencyError, ParameterError
from seqmine.windows.plot import _groups, svg_bytes

ATTRIBUTES = ["channel", "plan", "chance"]


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return calls_after_tickets(5_000)


def scan(events: pa.Table, outcome: str = OUTCOME, action: str = "csm_call", **options: Any) -> sm.WindowResult:
    log = sm.EventLog.from_arrow(events, attributes=ATTRIBUTES, observed_until=OBSERVED_UNTIL)
    given = {"max_delay": "7d", "bin_width": "6h", "max_windows": 1, "threads": 1, **options}
    return sm.scan_windows(log, "ticket", action, sm.Study(outcome, at="start + 0d"), sm.WindowOptions(**given))


@pytest.fixture(scope="module")
def result(events: pa.Table) -> sm.WindowResult:
    return scan(events)


def words(figure: Any) -> str:
    return svg_bytes(figure).decode("utf-8")


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def shaded(axes: Any) -> list[tuple[float, float]]:
    from matplotlib.patches import Rectangle

    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in found]


def test_what_is_in_it(result: sm.WindowResult) -> None:
    figure = result.plot()
    above, below = figure.axes
    row = result.to_arrow().to_pylist()[0]
    said = legend(figure)
    assert said[0].startswith("24h to 72h: -") and said[0].endswith(row["status"])
    assert f"({100 * row['effect_low']:+.1f} to {100 * row['effect_high']:+.1f})" in said[0]
    assert "of the same kind at the same delay, by 6h" in said[1]
    assert said[2].startswith("naive and misleading")
    assert shaded(above) == shaded(below) == [(24.0, 72.0)]
    assert above.get_ylabel() == "effect, percentage points"
    assert "hours" in below.get_xlabel()
    assert [tick for tick in below.get_xticks() if tick % 24] == []
    whole = words(figure)
    assert "csm_call after ticket" in whole
    assert "outcome: exists(cancel) within 30d, followed for 30d from the delay on" in whole


def test_curves_are_those_of_the_table(result: sm.WindowResult) -> None:
    above, below = result.plot().axes
    curve = result.curve()
    stairs = {patch.get_label(): patch.get_data() for patch in above.patches if hasattr(patch, "get_data")}
    ours = next(data for label, data in stairs.items() if label.startswith("against"))
    naive = next(data for label, data in stairs.items() if label.startswith("naive"))
    assert ours.edges.tolist() == list(range(0, 169, 6))  # 28 bins need no groups
    np.testing.assert_allclose(ours.values, 100 * curve["effect"].to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(naive.values, 100 * curve["naive_effect"].to_numpy(), rtol=1e-9)
    counts = next(patch.get_data() for patch in below.patches if hasattr(patch, "get_data"))
    assert counts.values.tolist() == curve["n_treated"].to_pylist()
    low, high = above.get_ylim()
    shown = np.concatenate([ours.values, naive.values])
    assert low < shown.min() and shown.max() < high


def test_many_bins_are_drawn_in_groups_that_no_edge_divides(events: pa.Table) -> None:
    fine = scan(events, bin_width="1h")
    row = fine.to_arrow().to_pylist()[0]
    assert row["timing"]
    figure = fine.plot()
    data = next(patch.get_data() for patch in figure.axes[0].patches if str(patch.get_label()).startswith("against"))
    edges = data.edges.tolist()
    assert len(edges) < 63
    for edge in (row["lo"], row["hi"]):
        assert edge.total_seconds() / 3600 in edges
    curve = fine.curve().to_pylist()
    k = edges.index(row["lo"].total_seconds() / 3600)
    group = [one for one in curve if edges[k] <= one["lo"].total_seconds() / 3600 < edges[k + 1]]
    assert len(group) == 3
    n = sum(one["n_treated"] for one in group)
    total = sum(one["observed"] - one["expected"] for one in group)
    assert data.values[k] == pytest.approx(100 * total / n)


def test_groups_begin_at_the_edges() -> None:
    assert _groups(28, [4, 12]).tolist() == list(range(28))
    first = _groups(168, [19, 37]).tolist()
    assert first[:8] == [0, 3, 6, 9, 12, 15, 18, 19]
    assert 37 in first and max(np.diff([*first, 168])) == 3
    assert _groups(384, [0, 384]).tolist() == list(range(0, 384, 7))


def test_numbers_are_no_percentage_points(events: pa.Table) -> None:
    figure = scan(events, "count(cancel) within 30d", direction="lowers").plot()
    assert figure.axes[0].get_ylabel() == "effect"
    assert " points" not in legend(figure)[0]


def test_without_a_window_the_whole_is_one_line(events: pa.Table) -> None:
    moved = calls_after_tickets(5_000, seed=3, effect=0.0)
    figure = scan(moved).plot()
    assert legend(figure)[0].startswith("all delays: ")
    assert shaded(figure.axes[0]) == []


def test_a_refusal_is_a_text_and_no_effect(events: pa.Table) -> None:
    refused = scan(events, inbound=["csm_call"])
    figure = refused.plot()
    assert len(figure.axes) == 1 and not figure.legends
    assert "comes from the customer" in words(figure).replace("\n", " ") or "come from the customer" in words(figure)
    few = scan(events.filter(pc.less(events["entity"], "c00300")))
    row = few.to_arrow().to_pylist()[0]
    assert row["status"] == "not_identified"
    picture = few.plot()
    assert "Cannot be learned" in words(picture)
    assert not picture.legends
    assert "percentage points" not in words(picture)


def test_names_are_drawn_as_they_are(events: pa.Table) -> None:
    """A dollar begins no mathematics, an underscore hides no label, and a name may be in any script."""
    name = "$x_1$ <電話> & _"
    changed = events.set_column(2, "event", pc.replace_substring(events["event"], "csm_call", name))
    result = scan(changed, action='"$x_1$ <電話> & _"')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = words(result.plot())
    assert re.search(r'<text[^>]*>"\$x_1\$ &lt;電話&gt; &amp; _"', picture)  # as text, not only in a comment


def test_same_bytes_whatever_the_settings(result: sm.WindowResult) -> None:
    import matplotlib as mpl

    first = svg_bytes(result.plot())
    with mpl.rc_context({"font.size": 22, "axes.facecolor": "red", "svg.fonttype": "path", "svg.hashsalt": "x"}):
        assert svg_bytes(result.plot()) == first
    assert b"<dc:date>" not in first
    assert mpl.__version__.encode() not in first


def test_settings_are_left_as_they_were(result: sm.WindowResult) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 22}):
        svg_bytes(result.plot())
        assert mpl.rcParams["font.size"] == 22


def test_one_pair_is_drawn(result: sm.WindowResult, events: pa.Table) -> None:
    with pytest.raises(ParameterError, match="there is no pair"):
        result.plot("tickets", "csm_call")
    log = sm.EventLog.from_arrow(events, attributes=ATTRIBUTES, observed_until=OBSERVED_UNTIL)
    options = sm.WindowOptions(max_delay="7d", bin_width="6h", threads=1)
    two = sm.scan_windows(log, "ticket", ["csm_call", "visit"], sm.Study(OUTCOME, at="start + 0d"), options)
    with pytest.raises(ParameterError, match="name it"):
        two.plot()
    assert two.plot("ticket", "visit").axes


def test_without_matplotlib(result: sm.WindowResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'seqmine\[report\]'"):
        result.plot()


def test_nothing_is_imported_before_something_is_drawn() -> None:
    code = (
        "import sys, seqmine\n"
        "[getattr(seqmine, name) for name in seqmine.__all__]\n"
        "import seqmine.windows.plot, seqmine.pipeline.windowed, seqmine.cli.windows_command\n"
        "print('matplotlib' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "False\n", done.stderr
