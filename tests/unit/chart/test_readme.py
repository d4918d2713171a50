"""The chart's page says what its values are."""

from pathlib import Path

from tools.generate_chart_readme import CHART, readme


def test_the_charts_page_is_written_from_its_values():
    assert (CHART / "README.md").read_text() == readme(), "run `python tools/generate_chart_readme.py`"


def test_the_chart_takes_the_definitions_from_where_they_are_generated():
    root = Path(CHART).parents[1]
    assert (CHART / "files/crds").resolve() == root / "crds"
