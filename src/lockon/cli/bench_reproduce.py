"""`lockon bench reproduce`: what is behind a stored number, and does it come out again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import Convention, Sequences, Trackers, Workers, option_groups
from lockon.cli._terminal import echo, outcomes_bar
from lockon.cli._texts import split_names
from lockon.cli._trackers import load_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockon.bench.reproduce import Claim
    from lockon.bench.spec import TrackerSpec
    from lockon.bench.store import Record, Store
    from lockon.data.sequence import VideoSequence


@dataclass(frozen=True, kw_only=True)
class ClaimOptions:
    """Which of the stored results."""

    results: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder that the report was made of.")] = None
    trackers: Trackers = None
    sequences: Sequences = None
    protocol: Annotated[str | None, typer.Option(help="Only results of this protocol.")] = None
    convention: Convention = None


@dataclass(frozen=True, kw_only=True)
class OriginOptions:
    """Where the data and the weights are now, and which code may run."""

    data: Annotated[list[str] | None, typer.Option(metavar="NAME:ROOT", help="Where the data is, if not where the results say.")] = None
    weights: Annotated[Path | None, typer.Option(metavar="PATH", help="The tracker's weights, if not where the results say.")] = None
    refiner_weights: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The weights of its refiner, if not where the results say.")
    ] = None
    online_weights: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The weights of the online tracker beside it, if not where the results say.")
    ] = None
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE:FACTORY", help="Let this code of anybody's, which the results name, run; may be repeated."),
    ] = None


@option_groups
def reproduce(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="Folder of results, one result file, or a report in JSON (with --results).")
    ],
    *,
    which: ClaimOptions,
    origin: OriginOptions,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the new results here.")] = None,
    workers: Workers = 1,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what the results were made with.")] = False,
) -> None:
    """Say what a stored result was made with, run it again, and compare boxes and metrics.

    Prints tracker, weights, seed, protocol, convention and versions, and what of them is different here and now. Results of a tracker
    of your own (MODULE:FACTORY) name code, which runs only if --allow names it too. Exit status: 0 identical, 1 different, 2 wrong
    usage or it cannot be run.

    [bold]Examples[/bold]

      lockon bench reproduce runs/otb --trackers lockon-s

      lockon bench reproduce runs/vot/lockon-s/VOT2018.reset/car1.json

      lockon bench reproduce runs/mine --allow my_module:make_tracker

      lockon bench reproduce otb.json --results runs/otb --data OTB100:/data/OTB100
    """
    from tempfile import TemporaryDirectory

    from lockon.bench.reproduce import find_claims
    from lockon.zoo.specs import with_files

    names, sequences = split_names(which.trackers), split_names(which.sequences)
    claims = find_claims(result, which.results, trackers=names, protocol=which.protocol, sequences=sequences)
    allowed = frozenset(origin.allow or ())
    companions = {"refiner": origin.refiner_weights, "online": origin.online_weights}
    specs = [claim.spec(origin.weights, companions, allowed=allowed) for claim in claims]  # all, before any code runs
    same = True
    for claim, spec in zip(claims, map(with_files, specs), strict=True):
        _show(claim, spec)
        if dry:
            continue
        with TemporaryDirectory() as folder:
            again = _run_again(claim, spec, origin.data or [], Path(out or Path(folder, "again")), workers)
            same = _show_boxes(claim, again) and same
            same = _show_metrics(claim, again, Path(folder), which.convention) and same
    if not dry:
        echo("identical" if same else "different")
        raise typer.Exit(0 if same else 1)


def _show(claim: Claim, spec: TrackerSpec) -> None:
    """Show what the results were made with, and what is not so now."""
    from lockon.bench.reproduce import changes

    values = claim.configuration
    overrides = ", ".join(f"{name}={value}" for name, value in values["overrides"].items()) or "none"
    echo(f"{claim.label}: {values['name']}, preset {values['preset']}, overrides {overrides}")
    companions = {key: values[key] for key in spec.companions()}
    for key, companion in companions.items():
        echo(f"  {key:10} {companion['name']}, preset {companion['preset']}")
    echo(f"  device     {', '.join(claim.setup('device')) or values.get('device')}")
    others = {key: companion["weights"] for key, companion in companions.items()}
    files = {"weights": values["weights"], **others, "code": values.get("source", {})}
    for kind, digests in files.items():
        for name, digest in digests.items():
            echo(f"  {kind:10} {name} sha256 {digest}")
    sequences = len({(record.dataset, record.sequence) for record in claim.records})
    seeds = ", ".join(map(str, claim.setup("seed"))) or values.get("seed")
    echo(f"  seed       {seeds}")
    echo(f"  protocol   {claim.protocol}{_rules(claim)}; {len(claim.records)} runs of {sequences} sequences")
    echo(f"  data       {', '.join(claim.setup('data')) or 'not noted; give --data NAME:ROOT'}")
    for found in claim.setup("versions"):
        echo(f"  versions   {', '.join(f'{package} {version}' for package, version in found.items())}")
    for found in claim.setup("machine"):
        echo(f"  machine    {found.get('processor')}, {found.get('cores')} cores, {found.get('system')}")
    for kind, texts in changes(claim, spec).items():
        echo(f"  {kind} here: {'as it was' if not texts else '; '.join(texts)}")


def _rules(claim: Claim) -> str:
    found = {", ".join(f"{key} {value}" for key, value in record.rules.items()) for record in claim.records} - {""}
    return f" ({'; '.join(sorted(found))})" if found else ""


def _run_again(claim: Claim, spec: TrackerSpec, data: list[str], out: Path, workers: int) -> Store:
    """Return the same runs in another store.

    Raises:
        LockonError: The data is not there or is other data, or the tracker fails.
    """
    from lockon.bench.run import BenchmarkOptions, run_benchmark
    from lockon.bench.store import Store
    from lockon.errors import LockonError
    from lockon.zoo.specs import load_spec

    if out.resolve() == claim.store.folder.resolve():
        raise LockonError(f"--out {out} is where the stored results are; give another folder")
    wanted = {record.dataset for record in claim.records}
    specs = data or claim.setup("data")
    if not specs:
        raise LockonError(f"the results do not say where {', '.join(sorted(wanted))} is; give --data NAME:ROOT")
    known = {(one.dataset, one.name): one for one in load_sequences(specs, [])[0]}
    threads = [value for value in claim.setup("threads") if isinstance(value, int) and value > 0]
    seed = int(claim.configuration.get("seed", 0))
    for protocol, records in claim.protocols():
        chosen = _sequences(claim, records, known)
        batch = 1 if protocol.is_timed else next((value for value in claim.setup("batch") if isinstance(value, int)), 1)
        origin = {record.dataset: str(record.setup["data"]) for record in records if "data" in record.setup}
        options = BenchmarkOptions(workers=workers, threads=threads[0] if threads else 1, batch=batch, seed=seed, overwrite=True)
        with outcomes_bar(sum(map(len, chosen))) as on_outcome:
            outcomes = run_benchmark([spec], chosen, out, load_spec, protocol=protocol, options=options, data=origin, on_outcome=on_outcome)
        for outcome in outcomes:
            if outcome.error:
                raise LockonError(f"{claim.label} fails on {outcome.sequence}: {outcome.error}")
    return Store(out)


def _sequences(claim: Claim, records: list[Record], known: Mapping[tuple[str, str], VideoSequence]) -> list[VideoSequence]:
    """Return the sequences of the records, with the anchors that the records have."""
    from dataclasses import replace

    from lockon.errors import LockonError

    chosen: dict[tuple[str, str], VideoSequence] = {}
    for record in records:
        key = record.dataset, record.sequence
        if key not in known:
            raise LockonError(f"{record.sequence} of {record.dataset} is not in the data; give another --data {record.dataset}:ROOT")
        if not record.fits(known[key]):
            raise LockonError(f"{record.sequence} of {record.dataset} has other ground truth now; give the --data that it was run on")
        chosen[key] = known[key]
        if record.anchor is not None:
            own = [one for one in records if (one.dataset, one.sequence) == key]
            anchors = tuple(sorted({one.anchor for one in own if one.anchor is not None}))
            backward = frozenset(one.anchor for one in own if one.anchor is not None and one.backward)
            chosen[key] = replace(known[key], anchors=anchors, backward=backward)
    return list(chosen.values())


def _show_boxes(claim: Claim, again: Store) -> bool:
    """Show one line per run that differs; return whether none does."""
    from lockon.bench.reproduce import record_differences

    found = record_differences(claim.records, again.records(claim.label, claim.protocol))
    wrong = [item for item in found if item.different]
    for item in wrong:
        echo(f"  {item.name}: {item.different} of {item.frames} frames differ, boxes by up to {item.largest:.3g} px")
    echo(f"  boxes      {len(found) - len(wrong)} of {len(found)} runs identical")
    if wrong and claim.protocol == "realtime" and any(record.rules.get("seconds") is None for record in claim.records):
        echo("  measured real time depends on the machine's speed; --rule seconds=S makes it repeatable")
    return not wrong


def _show_metrics(claim: Claim, again: Store, folder: Path, convention: str | None) -> bool:
    """Show stored and new metrics side by side; return whether they are the same."""
    from lockon.bench.reproduce import metrics

    convention = convention or claim.convention
    wanted = {(record.dataset, record.sequence, record.run_key) for record in claim.records}
    made = [one for one in again.records(claim.label, claim.protocol) if (one.dataset, one.sequence, one.run_key) in wanted]
    new = metrics(_store_of(claim, made, folder / "new"), claim, convention)
    if not new:
        echo("  metrics    none: there is no ground truth after the first frame")
        return True
    if claim.metrics is not None and len(new) == 1:
        ((datasets, (name, _)),) = new.items()
        old: dict[str, tuple[str, dict[str, float]]] = {datasets: (name, dict(claim.metrics))}
    else:
        old = metrics(_store_of(claim, claim.records, folder / "stored"), claim, convention)
    same = True
    for datasets, (name, values) in new.items():
        stored = old[datasets][1]
        texts = [_metric(key, stored[key], value) for key, value in values.items() if key in stored]
        same = same and all(_equal(stored[key], value) for key, value in values.items() if key in stored)
        echo(f"  metrics    {datasets}, convention {name}: {', '.join(texts)}")
    return same


def _store_of(claim: Claim, records: Iterable[Record], folder: Path) -> Store:
    """Return a store of some records alone, because metrics are made of all that a store has."""
    from lockon.bench.store import Store

    store = Store(folder)
    store.claim(claim.label, claim.configuration, 0)
    for record in records:
        store.save(claim.label, record)
    return store


def _metric(key: str, old: float, new: float) -> str:
    if _equal(old, new):
        return f"{key} -" if old != old else f"{key} {old:.6g}"  # noqa: PLR0124 - NaN: nothing counts
    return f"{key} {old:.6g} -> {new:.6g} ({new - old:+.3g})"


def _equal(old: Any, new: Any) -> bool:
    return bool(old == new or (old != old and new != new))  # NaN is as it was  # noqa: PLR0124
