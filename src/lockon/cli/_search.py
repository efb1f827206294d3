"""What `lockon bench search` shows on the terminal: the trials as they are finished, and tables at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockon.bench.search import CrossValidation, SearchResult, Step, Trial
    from lockon.bench.search.summary import SearchSummary
    from lockon.bench.search.trials import OnProgress
    from lockon.data.sequence import VideoSequence

ROWS = 10  # of the table of the best trials


def show(summary: SearchSummary) -> None:
    """Show the best trials, the importances, and what the gain is worth, on stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    result = summary.result
    console.print(_trials_table(result))
    if summary.importances:
        parts = ", ".join(f"{name} {part:.0%}" for name, part in summary.importances.items())
        console.print(f"what decides whether a trial is among the best: {parts}", highlight=False, soft_wrap=True)
    name, count = result.objective.metric, len(result.default.scores)
    if summary.folds is not None:
        console.print(_folds_table(summary.folds, name))
    if result.best is result.default:
        return
    gain = f"gain {result.gain:+.4f} {name}, the best of {len(result.trials)} trials on the same {count} sequences"
    if summary.folds is None:
        hint = f"; --folds {min(5, count)} says what is left on others" if count > 1 else ""
        console.print(f"{gain}: too large by chance{hint}", highlight=False, soft_wrap=True)
        return
    console.print(
        f"{gain}; {summary.folds.gain:+.4f} on sequences that were not chosen on ({len(summary.folds.folds)} folds)",
        highlight=False,
        soft_wrap=True,
    )


def _trials_table(result: SearchResult) -> Any:
    """Make a table of the tracker's own parameters, then the best trials."""
    from rich.table import Table

    complete = sorted(result.complete, key=lambda trial: (-trial.value, trial.number))
    states = {state: sum(trial.state == state for trial in result.trials) for state in ("pruned", "failed")}
    others = "".join(f", {number} {state}" for state, number in states.items() if number)
    table = Table(title=f"{len(complete)} complete trials{others}", title_justify="left")
    leaves = [parameter.name.rpartition(".")[2] for parameter in result.space]
    names = leaves if len(set(leaves)) == len(leaves) else [parameter.name for parameter in result.space]
    for head in ("trial", result.objective.metric, "gain", *names):
        table.add_column(head.replace("_", "_\n"), justify="right", overflow="fold")
    for trial in [result.default, *(trial for trial in complete if trial.number)][: ROWS + 1]:
        values = [trial.parameters.get(parameter.name, parameter.default) for parameter in result.space]
        gain = "own" if trial.number == 0 else f"{trial.value - result.default.value:+.4f}"
        cells = ["?" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values]
        table.add_row(str(trial.number), f"{trial.value:.4f}", gain, *cells, style="bold" if trial is result.best else None)
    return table


def _folds_table(folds: CrossValidation, metric: str) -> Any:
    from lockon.cli._terminal import table

    heads = ("fold", "sequences", "chosen trial", f"gain in {metric} where chosen", "gain on the fold")
    made = table("Cross-validation: chosen on the other folds", *heads)
    for number, fold in enumerate(folds.folds, start=1):
        made.add_row(str(number), str(len(fold.sequences)), str(fold.chosen), f"{fold.seen_gain:+.4f}", f"{fold.gain:+.4f}")
    return made


@contextmanager
def progress(sequences: list[VideoSequence]) -> Iterator[OnProgress]:
    """Show a bar over the frames of the current trial, with the best value so far, on stderr; and a line per finished trial."""
    from lockon.bench.search import Step
    from lockon.cli._terminal import progress_bar

    with progress_bar() as bar:
        task = bar.add_task("starting", total=sum(map(len, sequences)))
        best: list[float] = []

        def on_progress(event: Step | Trial) -> None:
            if isinstance(event, Step):
                shown = f", best {max(best):.4f}" if best else ""
                bar.update(task, advance=event.frames, description=f"trial {event.trial}{shown}")
                return
            if event.state == "complete":
                best.append(event.value)
            bar.reset(task)
            bar.console.print(_line(event), highlight=False, soft_wrap=True)

        yield on_progress


def _line(trial: Trial) -> str:
    values = (f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in trial.parameters.items())
    outcome = trial.error if trial.state == "failed" else f"{trial.value:.4f}"
    again = f" (as trial {trial.same_as})" if trial.same_as is not None else ""
    return f"trial {trial.number}: {trial.state} {outcome}{again} {' '.join(values) or 'own parameters'}"
