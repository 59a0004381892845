"""Settings of training."""

from dataclasses import asdict
from pathlib import Path

import pytest

from xalign.training.settings import (
    FinetuneSettings,
    Labels,
    Machine,
    Schedule,
    Start,
    Text,
    TrainSettings,
    default_cache,
)


def test_corpora_are_kept_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert Machine().cache == default_cache() == Path("/somewhere/xalign/corpora")


@pytest.mark.parametrize("home", [None, ""])
def test_corpora_are_kept_at_home_otherwise(
    home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/her")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert default_cache() == Path("/home/her/.cache/xalign/corpora")


def test_no_name_is_in_two_groups_so_that_a_run_can_be_repeated_by_its_file() -> None:
    text, schedule = Text(input=("a",)), Schedule()
    stages = [
        asdict(TrainSettings(text=text, start=Start(), schedule=schedule)),
        asdict(FinetuneSettings(model="a", text=text, labels=Labels(), schedule=schedule)),
    ]
    for stage in stages:
        groups = [values if isinstance(values, dict) else [name] for name, values in stage.items()]
        names = [name for group in groups for name in group]
        assert len(names) == len(set(names))
