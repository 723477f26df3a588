"""The command that writes the counted parts of the page anew does what it is told, and nothing that it is not."""

from pathlib import Path

import pytest

from tests.benchmarks import page, projection, projection_page


def test_an_option_that_is_misspelt_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page, "renew", pytest.fail)
    with pytest.raises(SystemExit):
        page.main(["--projekt"])
    assert "unrecognized arguments: --projekt" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "anew"), [([], False), (["--project"], True)])
def test_projections_are_computed_anew_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, options: list[str], anew: bool
) -> None:
    asked: list[dict[str, bool]] = []
    monkeypatch.setattr(page, "renew", lambda **named: asked.append(named))
    page.main(options)
    assert asked == [{"anew": anew}]


def test_projections_that_are_computed_anew_are_kept_and_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The jobs of a million are drawn as they are kept."""
    figures = projection.read()
    written, drawn, told = (tmp_path / name for name in ("projected.json", "projection.svg", "performance.md"))
    told.write_text("")
    monkeypatch.setattr(projection, "PROJECTED", written)
    monkeypatch.setattr(projection_page, "PLOT", drawn)
    monkeypatch.setattr(page, "PAGE", told)
    monkeypatch.setattr(page, "renewed", lambda *given: str(given[3] == figures))
    monkeypatch.setattr(projection, "measure", lambda _: figures)
    sizes = {name: [run] * len(projection.SIZES) for name, run in figures.jobs.items()}
    monkeypatch.setattr(projection, "measure_sizes", lambda: sizes)
    page.renew(anew=True)
    assert written.read_text() == projection.written(figures)
    assert "<svg" in drawn.read_text()
    assert told.read_text() == "True"
