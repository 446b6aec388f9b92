"""A sweep: models in, rows out, and all of it on disk on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from operator import length_hint
from pathlib import Path

from instsim.errors import InstsimError, UsageError
from instsim.session.request import Request
from instsim.sweep.cluster import workers
from instsim.sweep.evaluating import Content, Plan, predictor_plan, swap_plan
from instsim.sweep.journal import Journal
from instsim.sweep.models import Given, SweepModel, read_models
from instsim.sweep.results import check_output, write_results
from instsim.sweep.row import Outcome, SweepRow

__all__ = ["SweepOptions", "journal_path", "make_plan", "sweep"]

DEFAULT_WORKERS = 2


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is done, which does not change its figures.

    Attributes
    ----------
    output : Path or None
        Result file, ``.parquet`` (and ``.csv`` beside it) or ``.csv``; None: rows are only given to the caller, and nothing is resumed.
    workers : int
        Processes; 0: this one alone, without dask.
    scheduler : str or None
        Address of a scheduler of dask.distributed to use instead.
    retry_failed : bool
        Evaluate models again that failed before.
    on_evaluated : callable or None
        ``on_evaluated(count)`` when so many more models have been evaluated by this sweep, not by one before.
    on_written : callable or None
        ``on_written(files)`` when the results are on disk.
    """

    output: Path | None = None
    workers: int = DEFAULT_WORKERS
    scheduler: str | None = None
    retry_failed: bool = False
    on_evaluated: Callable[[int], None] | None = None
    on_written: Callable[[Sequence[Path]], None] | None = None


def make_plan(runner: str | Path | None, predictor: str | Path | None, request: Request) -> Plan:
    """Return how models are evaluated: in a runner, or by a predictor.

    Raises
    ------
    UsageError
        If both are given. With neither the predictor that suits the board is used.
    InstsimError
        See `swap_plan` and `predictor_plan`.
    """
    if runner is not None and predictor is not None:
        raise UsageError("a sweep is by a runner or by a predictor, not by both", hint="give --runner or --predictor")
    return predictor_plan(predictor, request) if runner is None else swap_plan(runner, request)


def journal_path(output: Path) -> Path:
    """Return the journal that belongs to a result file."""
    return output.with_name(output.name + ".journal")


def sweep(models: Iterable[Given | tuple[str, Given]], plan: Plan, options: SweepOptions | None = None) -> Iterator[SweepRow]:
    """Evaluate models and yield a row for each as it is done; models that were done before come as they are met.

    When the rows are used up, or the iterator is closed, or the sweep is interrupted, the result files are written, in the order of `models`.
    Models of equal contents are evaluated once.

    Parameters
    ----------
    models : iterable
        As for `instsim.sweep.models.read_models`; a generator is asked for the next model when a worker is about to need it.
    plan : Plan
        From `make_plan`.
    options : SweepOptions, optional
        Where results go, and who works.

    Raises
    ------
    UsageError
        If the output cannot be written, another sweep writes it, or an extra is not installed.
    InputError
        If the disk is full, or the scheduler does not answer.
    """
    options = options or SweepOptions()
    if options.output is not None:
        check_output(options.output)
    with ExitStack() as stack:
        journal = None if options.output is None else stack.enter_context(Journal(journal_path(options.output), plan.setting))
        run = _Run(plan, options, journal)
        try:
            yield from run.rows(models)
        except BaseException:
            # What was found is worth a file; that there is trouble is told by the trouble.
            with suppress(InstsimError):
                run.write(only_if_new=True)
            raise
        run.write()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a model stands in the sweep, without its contents."""

    number: int
    path: str
    size_bytes: int | None


class _Run:
    """One sweep under way."""

    def __init__(self, plan: Plan, options: SweepOptions, journal: Journal | None) -> None:
        self._plan, self._options, self._journal = plan, options, journal
        self._rows: dict[int, SweepRow] = {}
        self._ready: list[SweepRow] = []
        self._evaluated: dict[str, Outcome] = {}
        self._waiting: dict[str, list[_Place]] = {}
        self._digests: dict[int, str] = {}

    def rows(self, models: Iterable[Given | tuple[str, Given]]) -> Iterator[SweepRow]:
        """Yield a row for each model, as it is done."""
        given = iter(models)
        unknown = self._unknown(read_models(given))
        first = next(unknown, None)
        yield from self._take()
        if first is not None:
            # Workers are started for work only: to ask for a sweep that is complete costs nothing.
            with ExitStack() as stack:
                for found in self._evaluate(chain((first,), unknown), partial(length_hint, given), stack):
                    self._settle(found)
                    yield from self._take()
        yield from self._take()

    def write(self, *, only_if_new: bool = False) -> None:
        """Write the result files; see `write_results`."""
        output = self._options.output
        if output is None or (only_if_new and not self._evaluated):
            return
        files = write_results([self._rows[number] for number in sorted(self._rows)], output, self._plan.facts)
        if self._options.on_written is not None:
            self._options.on_written(files)

    def _evaluate(self, models: Iterator[tuple[int, Content]], left: Callable[[], int], stack: ExitStack) -> Iterator[list[tuple[int, Outcome]]]:
        if self._options.workers == 0 and self._options.scheduler is None:
            return self._evaluate_here(models)
        return stack.enter_context(workers(self._plan, self._options.workers, self._options.scheduler)).run(models, left)

    def _evaluate_here(self, models: Iterator[tuple[int, Content]]) -> Iterator[list[tuple[int, Outcome]]]:
        evaluator = self._plan.start()
        while group := list(islice(models, self._plan.group_size)):
            numbers, contents = zip(*group, strict=True)
            yield list(zip(numbers, evaluator.run(contents), strict=True))

    def _unknown(self, models: Iterator[SweepModel]) -> Iterator[tuple[int, Content]]:
        """Give the models that nobody has evaluated, each one once."""
        for number, model in enumerate(models):
            place = _Place(number, model.path, model.size_bytes)
            known = self._known(model.digest)
            if model.content is None:
                self._finish(place, "", Outcome.failure(model.reason, model.trouble))
            elif known is not None:
                self._finish(place, model.digest, known)
            elif model.digest in self._waiting:
                self._waiting[model.digest].append(place)
            else:
                self._waiting[model.digest] = [place]
                self._digests[number] = model.digest
                yield number, model.content

    def _known(self, digest: str) -> Outcome | None:
        if digest in self._evaluated or self._journal is None:
            return self._evaluated.get(digest)
        found = self._journal.find(digest)
        return None if found is not None and found.status != "ok" and self._options.retry_failed else found

    def _settle(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Keep outcomes; they are in the journal when this returns, and before that no row of them is given to the caller."""
        found = [(self._digests.pop(number), outcome) for number, outcome in outcomes]
        # An interrupt may come at any moment: what is in the journal has to be among the rows that are written then.
        for digest, outcome in found:
            self._evaluated[digest] = outcome
            for place in self._waiting.pop(digest):
                self._finish(place, digest, outcome)
        if self._journal is not None:
            self._journal.append(found)
        if self._options.on_evaluated is not None:
            self._options.on_evaluated(len(found))

    def _finish(self, place: _Place, digest: str, outcome: Outcome) -> None:
        row = SweepRow.of(place.path, digest, place.size_bytes, outcome)
        self._ready.append(row)
        if self._options.output is not None:
            self._rows[place.number] = row

    def _take(self) -> list[SweepRow]:
        taken, self._ready = self._ready, []
        return taken
