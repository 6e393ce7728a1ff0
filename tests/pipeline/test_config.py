"""Configuration files: what is accepted, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmine.errors import ConfigError, MissingInputError
from seqmine.pipeline.config import load_config, parse_config

GOOD = """
[log]
path = "events/*.parquet"
entity = "customer_id"
attributes = ["channel", "plan"]
timezone = "Europe/Berlin"

[study]
outcome = "no purchase within 90d"
at = [2026-06-01, "2026-07-01"]
lookback = "365d"
exclude_events = ["cancel_request"]

[moments]
max_length = 4
max_gap = "14d"
min_support = 100
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))
    assert config.log.entity == "customer_id"
    assert config.study.at == ["2026-06-01", "2026-07-01"]
    assert config.study.lead == "0d"
    assert config.moments.max_gap == "14d"
    assert config.moments.model_fields_set == {"max_length", "max_gap", "min_support"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_gap =", "max_gpa =", r"study\.toml: \[moments\] max_gpa: unknown key - did you mean 'max_gap'\?"),
        ("entity =", "entty =", r"\[log\] entty: unknown key - did you mean 'entity'\?"),
        ("[moments]", "[momentz]", r"\[momentz\]: unknown section - did you mean 'moments'\?"),
        ("[moments]", "[zzz]", r"\[zzz\]: unknown section - known: log, study, moments"),
        ("[moments]", "[plays]", r"\[plays\]: this version of seqmine has no such part yet"),
        ("[moments]", "[store]", r"\[store\]: this version of seqmine has no such part yet"),
        ('max_gap = "14d"', "max_gap = 14", r"\[moments\] max_gap: .*'14d'"),
        ('"365d"', '"365 moons"', r"\[study\] lookback: "),
        ("min_support = 100", 'min_support = "100"', r"\[moments\] min_support: "),
        ('path = "events/*.parquet"', "", r"\[log\] path: is missing"),
        ("[study]", "[moments.x]", "study"),
        ('outcome = "no purchase within 90d"', "outcome = 5", r"\[study\] outcome: "),
        ("[log]", "[log", r"not TOML: .*line 2"),
    ],
)
def test_what_an_error_says(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(written(tmp_path, GOOD.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_missing_section() -> None:
    with pytest.raises(ConfigError, match=r"\[study\]: the section is missing"):
        parse_config({"log": {"path": "x"}})


def test_several_problems_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"and 1 more"):
        parse_config({"log": {"path": "x", "a": 1, "b": 2}, "study": {"outcome": "no x within 1d", "at": "start + 1d"}})


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b"[log]\npath = '\xff'\n")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 14"):
        load_config(path)


def test_huge_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bytes"):
        load_config(written(tmp_path, "#" * ((1 << 20) + 1)))


@pytest.mark.parametrize(
    ("written", "value"),
    [('"none"', None), ('"auto"', "auto"), ("2026-07-01", "2026-07-01"), ('"2026-07-01"', "2026-07-01")],
)
def test_out_of_time(tmp_path: Path, written: str, value: str | None) -> None:
    path = tmp_path / "study.toml"
    path.write_text(GOOD.replace("lookback", f"out_of_time = {written}\nlookback"), encoding="utf-8")
    assert load_config(path).study.study().out_of_time == value
