"""What a sweep's report says of models that the predictor was not taught."""

from instsim.report.sweep import front_parts, summary_parts
from instsim.report.tables import render
from instsim.sweep.row import Outcome, SweepRow


def _row(name, domain, latency_s, arena_bytes):
    return SweepRow.of(name, name, 10, Outcome(latency_s=latency_s, arena_bytes=arena_bytes, domain=domain))


def test_doubtful_models_are_counted_and_marked_on_the_front():
    rows = [_row("sure", "inside", 1.0, 100), _row("odd", "outside", 0.5, 200), _row("large", "beyond", 2.0, 300)]
    text = render([*summary_parts(rows), *front_parts(rows, ("latency", "arena"))])
    assert "1 of these: a dimension is larger or smaller" in text
    assert "1 of these: something the predictor was not taught at all" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith(("  odd", "  sure"))}
    assert lines["odd"].endswith("outside")
    assert not lines["sure"].endswith(("inside", "outside", "beyond"))


def test_nothing_is_said_where_all_is_taught_or_nothing_predicted():
    for domain in ("inside", ""):
        rows = [_row("sure", domain, 1.0, 100)]
        text = render([*summary_parts(rows), *front_parts(rows, ("latency", "arena"))])
        assert "of these" not in text
        assert "inside" not in text
