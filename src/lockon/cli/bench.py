"""`lockon bench`: run trackers over datasets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from lockon.cli._options import DataOptions, OnlineOptions, RefinerOptions, RunOptions, TrackerOptions, option_groups
from lockon.cli._terminal import echo, end
from lockon.cli._texts import parse_overrides, split_names
from lockon.cli._trackers import refined_specs, run_all, with_learner

if TYPE_CHECKING:
    from lockon.bench.protocols.plan import Protocol
    from lockon.bench.spec import TrackerSpec
    from lockon.data.datasets.registry import BrokenSequence

app = typer.Typer(help="Measure trackers: run them over datasets, write tables and plots.", no_args_is_help=True, rich_markup_mode="rich")

# Options that take several values after one name: `--trackers csrt kcf` besides `--trackers csrt --trackers kcf`.
MANY = ("--trackers", "--sequences", "--data", "--weights", "--preset", "--device", "--set", "--rule", "--protocol")


class ManyValues(TyperCommand):
    """A command without positional arguments whose `MANY` options take all values up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse after repeating the option's name before each of its values."""
        return super().parse_args(ctx, spread(args))


def spread(args: list[str]) -> list[str]:
    """Repeat the names of `MANY` options before each of their values.

    >>> spread(["--trackers", "csrt", "kcf", "--out", "runs"])
    ['--trackers', 'csrt', '--trackers', 'kcf', '--out', 'runs']
    """
    result: list[str] = []
    current, fresh = "", False
    for arg in args:
        if arg.startswith("-"):
            name = arg.partition("=")[0]
            current = name if name in MANY else ""
            fresh = current != "" and "=" not in arg
            result.append(arg)
            continue
        if current and not fresh:
            result.append(current)
        result.append(arg)
        fresh = False
    return result


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions:
    """Which protocols, and their rules."""

    protocols: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="one-pass (default); got10k: that, 3 repetitions; reset: VOT2013-2019; anchors: VOT2020; realtime: the benchmark's own at "
            "20 fps; oracle: searches begin around the true centre. Several run one after the other.",
        ),
    ] = None
    repetitions: Annotated[int | None, typer.Option(min=1, help="Runs with other seeds; ends early when two are the same.")] = None
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME=VALUE",
            help="Setting of the protocol: skip, vot_init (reset), fps, grace, seconds, late, base (realtime), spacing (anchors), when "
            "(oracle).",
        ),
    ] = None

    def chosen(self) -> list[Protocol]:
        """Make the protocols; each takes the rules that it has.

        Raises:
            LockonError: An unknown protocol, a rule that none of them has, or a wrong value.
        """
        from lockon.config import apply_overrides

        names = split_names(self.protocols) or ["one-pass"]
        rules = parse_overrides(self.rules or [])
        made = []
        for name in names:
            usual = 3 if name == "got10k" else 1  # the GOT-10k toolkit's number
            protocol = _class_of(name)
            fields = protocol.rule_fields()
            others = {field for other in names for field in _class_of(other).rule_fields()} - set(fields)
            own = {fields.get(key, key): value for key, value in rules.items() if key.partition(".")[0] not in others}
            made.append(apply_overrides(protocol(repetitions=self.repetitions or usual), own))
        return made


def _class_of(name: str) -> type[Protocol]:
    """Return the class of a protocol; got10k is one pass."""
    from lockon.bench.protocols.table import protocol_class

    return protocol_class("one-pass" if name == "got10k" else name)


@app.command("run", cls=ManyValues)
@option_groups
def run(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results; what is finished there is skipped.")],
    trackers: TrackerOptions,
    data: DataOptions,
    protocol: ProtocolOptions,
    refiner: RefinerOptions,
    learner: OnlineOptions,
    how: RunOptions,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on a Ray cluster instead; local starts one for this run.")] = None,
) -> None:
    """Run trackers over every sequence and store boxes, scores and times.

    A tracker that fails on a sequence, or a sequence that cannot be read, is named at the end and the rest goes on. Ctrl-C keeps what is
    finished; the same command goes on from there. Exit status: 0 all done, 1 something failed, 2 wrong usage.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s csrt kcf --data OTB100:/data/OTB100 --out runs/otb --workers 2

      lockon bench run --trackers lockon-s --data VOT2018:/data/vot2018 --protocol reset --out runs/vot

      lockon bench run --trackers mine=my_module:make_tracker --data GOT-10k:/data/got10k --protocol got10k --out runs/got

      lockon bench run --trackers lockon-s --data VOT2018:/data/vot2018 --protocol realtime --rule seconds=0.08 --out runs/rt

      lockon bench run --trackers wide=lockon-s --set wide:search_crop.factor=4.5 --data pool:/data/test --out runs/test

      lockon bench run --trackers lockon-s csrt --refine refine-s --data OTB100:/data/OTB100 --out runs/otb

      lockon bench run --trackers lockon-s --online compact-dimp --online-weights compact-dimp.onnx --data pool:/data/val --out runs/val

      lockon bench run --trackers lockon-s refine-s --protocol one-pass oracle --data pool:/data/val --out runs/oracle
    """
    protocols = protocol.chosen()
    specs = with_learner(trackers.specs(refiners=any(one.gives_truth for one in protocols)), learner)
    if refiner.refine is not None or refiner.refiner_weights is not None:
        specs = refined_specs(specs, refiner.refine, refiner.refiner_weights)
    broken: list[BrokenSequence] = []
    loaded = data.load(broken)
    for one in protocols:
        check_trackers(specs, one)
    outcomes = run_all(specs, loaded, out, how, protocols=protocols, ray=ray)
    done, skipped, failed = (sum(outcome.status == status for outcome in outcomes) for status in ("done", "skipped", "failed"))
    for bad in broken:
        echo(f"failed: {bad.name} of {bad.dataset}, which no tracker was run on: {bad.error}", err=True)
    unread = f", {len(broken)} sequence{'s' if len(broken) > 1 else ''} not read" if broken else ""
    echo(f"{done} done, {skipped} finished before, {failed} failed{unread}; now: lockon bench report {out}", err=True)
    end(outcomes, [])
    if broken:
        raise typer.Exit(1)


def check_trackers(specs: list[TrackerSpec], protocol: Protocol) -> None:
    """Make each tracker once: unusable weights are one error now, not one per sequence.

    Raises:
        LockonError: A tracker that cannot be made, or that the protocol moves and that cannot be moved.
    """
    from lockon.errors import LockonError
    from lockon.zoo.registry import TRACKERS, card
    from lockon.zoo.specs import load_spec

    for spec in specs:
        made = load_spec(spec.on_worker(0))
        if protocol.gives_truth and not hasattr(made, "move"):
            known = ", ".join(name for name in TRACKERS if card(name).construct is None)
            raise LockonError(f"{spec.label} cannot be put on the truth: it has no move(boxes); these have: {known}, and refiners")
