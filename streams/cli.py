"""The command line `journeys`: arguments in, exit codes out; what the commands do is in streams/commands and streams/worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition

if TYPE_CHECKING:
    from streams.inputs import Input

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Where each user and each account stands, now, and why.",
    pretty_exceptions_enable=False,
)  # fmt: skip
console = Console()
errors = Console(stderr=True)

SettingsPath = Annotated[
    Path | None, typer.Option("--settings", "-s", help="TOML file; JOURNEYS_* variables override it")
]
DefinitionPath = Annotated[
    Path, typer.Argument(help="a journey definition (YAML), or the name of a shipped one: saas, community")
]
Source = Annotated[
    str,
    typer.Option("--source", help="how the records are written: canonical, segment, …; `journeys sources` lists them"),
]
Until = Annotated[
    str | None, typer.Option("--until", help="end time here (RFC 3339 or epoch seconds), not at the last event")
]


def fail(message: str, code: int = 2) -> typer.Exit:
    """Say what went wrong on stderr; `raise` what this returns."""
    errors.print(f"[bold red]journeys:[/] {message}", highlight=False, soft_wrap=True)
    return typer.Exit(code)


def definition_at(path: Path) -> Definition:
    """The definition at a path, or the shipped one of that name; its errors end the command."""
    from schemas.definition.parse import load

    shipped = Path(__file__).parent.parent / "schemas" / "definitions" / f"{path}.yaml"
    found = shipped if not path.exists() and shipped.exists() else path
    if not found.is_file():
        raise fail(f"there is no definition {path}; shipped ones are saas and community")
    try:
        return load(found)
    except DefinitionErrors as problems:
        raise fail(str(problems)) from None


def moment(text: str | None, option: str = "--until") -> int | None:
    """A time given on the command line, ms."""
    from schemas.time import parse_time

    if text is None:
        return None
    at = parse_time(float(text) if text.replace(".", "", 1).isdecimal() else text)
    if at is None:
        raise fail(f"{option} {text} is not a time; write 2024-06-30T00:00:00Z or epoch seconds")
    return at


def records_at(path: Path, what: str) -> list[bytes]:
    """The lines of a file named on the command line."""
    from streams.replay.files import Unreadable, lines_of

    if not path.is_file():
        raise fail(f"there is no {what} {path}")
    try:
        return list(lines_of(path))
    except Unreadable as problem:
        raise fail(str(problem)) from None


def known_source(name: str) -> str:
    """The name of a source that there is a decoder for."""
    from schemas.sources import decoder

    try:
        decoder(name)
    except ValueError as problem:
        raise fail(str(problem)) from None
    return name


@app.command()
def demo(
    data: Annotated[
        str | None, typer.Option(help="company or community; both, one after the other, without it")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", envvar="ONCE", help="end after the summary instead of staying open")
    ] = False,
    kafka: Annotated[str | None, typer.Option(help="bootstrap address of an existing Kafka", envvar="KAFKA")] = None,
    clickhouse: Annotated[str | None, typer.Option(help="URL of an existing ClickHouse", envvar="CLICKHOUSE")] = None,
    rate: Annotated[int, typer.Option(help="events a second while the story is told")] = 120,
) -> None:
    """Play a company's journeys, then a real community's, through real Kafka, Faust and ClickHouse."""
    from deploy.demo.play import play

    raise typer.Exit(play(data, once, kafka, clickhouse, rate))


@app.command()
def worker(settings: SettingsPath = None) -> None:
    """Run an engine worker: source topics in, transitions and alerts out."""
    from streams.worker import run_engine

    raise typer.Exit(run_engine(settings))


@app.command()
def sink(settings: SettingsPath = None) -> None:
    """Run a sink worker: transitions, alerts, snapshots and events into ClickHouse."""
    from streams.worker import run_sink

    raise typer.Exit(run_sink(settings))


@app.command()
def collect(settings: SettingsPath = None) -> None:
    """Open the door that SDKs and webhooks send to: what they send becomes records on the source topics."""
    from streams.collect.run import run_collect

    raise typer.Exit(run_collect(settings))


@app.command()
def notify(
    rules: Annotated[Path, typer.Argument(help="YAML file: which alert goes where; see docs/notify.md")],
    settings: SettingsPath = None,
    check: Annotated[bool, typer.Option("--check", help="only say whether the file is right")] = False,
    beginning: Annotated[
        bool, typer.Option("--beginning", help="at the first start, from the oldest alert on; else from now on")
    ] = False,
) -> None:
    """Tell people of alerts: Slack, Teams, mail, PagerDuty, signed webhooks."""
    from streams.notify.run import run_notify

    raise typer.Exit(run_notify(rules, settings, check, beginning))


@app.command()
def board(
    settings: SettingsPath = None,
    host: Annotated[
        str | None, typer.Option(help="address to listen on; without it the setting, or this machine alone")
    ] = None,
    port: Annotated[int | None, typer.Option(help="port; 0 is any that is free")] = None,
) -> None:
    """Open the live board: where users and accounts stand, over ClickHouse, in a browser."""
    from streams.board.serve import run_board

    raise typer.Exit(run_board(settings, host, port))


@app.command()
def topics(
    settings: SettingsPath = None,
    apply: Annotated[bool, typer.Option("--apply", help="create what is missing")] = False,
    with_sources: Annotated[
        int, typer.Option("--with-sources", help="also create source topics with so many partitions")
    ] = 0,
    asyncapi: Annotated[bool, typer.Option("--asyncapi", help="print them as an AsyncAPI 3 document instead")] = False,
) -> None:
    """Show, check or create the topics that the engine needs."""
    if asyncapi:
        from streams.asyncapi import text
        from streams.settings import SettingsError, load_settings

        try:
            print(text(load_settings(settings)), end="")
        except SettingsError as problem:
            raise fail(str(problem)) from None
        return
    from streams.worker import run_topics

    raise typer.Exit(run_topics(settings, apply=apply, with_sources=with_sources))


@app.command()
def migrate(settings: SettingsPath = None) -> None:
    """Bring ClickHouse's tables and views up to date."""
    from streams.worker import run_migrate

    raise typer.Exit(run_migrate(settings))


@app.command()
def tail(
    settings: SettingsPath = None,
    kind: Annotated[str | None, typer.Option(help="user or account")] = None,
    machine: Annotated[str | None, typer.Option(help="only this machine: stage, risk, …")] = None,
    entity: Annotated[str | None, typer.Option(help="only this user or account")] = None,
    account: Annotated[str | None, typer.Option(help="only this account and its users")] = None,
    to: Annotated[str | None, typer.Option(help="only what enters this state: churn, at_risk, …")] = None,
    severity: Annotated[str | None, typer.Option(help="only alerts, at least this bad: info to critical")] = None,
    live: Annotated[bool, typer.Option("--live", help="no backfill, correction or migration")] = False,
    beginning: Annotated[bool, typer.Option("--beginning", help="from the oldest record, not from now on")] = False,
) -> None:
    """Follow transitions and alerts as they happen."""
    from streams.commands.tail import Wanted, follow

    wanted = Wanted(kind, machine, entity, account, to, severity, live)
    raise typer.Exit(follow(settings, wanted, beginning, console))


@app.command()
def explain(
    entity: Annotated[str, typer.Argument(help="a user's or an account's id")],
    settings: SettingsPath = None,
    directory: Annotated[
        Path | None, typer.Option("--from", help="a folder that `journeys replay` wrote, instead of ClickHouse")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="as of this time (RFC 3339 or epoch seconds), not now")] = None,
) -> None:
    """Tell an entity's journey: each step, the rule, the values and the events behind it, and what would be next."""
    from streams.commands.explain import explain_entity

    raise typer.Exit(explain_entity(entity, settings, directory, console, moment(at, "--at")))


@app.command()
def erase(
    kind: Annotated[str, typer.Argument(help="user or account")],
    name: Annotated[str, typer.Argument(metavar="ID", help="any of the names that the person or account goes by")],
    settings: SettingsPath = None,
    reason: Annotated[str, typer.Option(help="for the audit record; name nobody in it")] = "",
    by: Annotated[str, typer.Option(help="who asked for it; your user name without it")] = "",
    after_grace: Annotated[
        bool, typer.Option("--after-grace", help="let late events of the grace period still count for the accounts")
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="also drop all that engine and sink have read of topics kept by retention")
    ] = False,
    patience: Annotated[float, typer.Option(help="seconds to wait for engine and for sink")] = 60,
    json: Annotated[Path | None, typer.Option("--json", help="write the audit record here too")] = None,
) -> None:
    """Forget a user or an account: in the engine, in our topics, in ClickHouse; prove it, and keep a record without a name."""
    from streams.commands.erase import Wish
    from streams.commands.erase import erase as forget

    wish = Wish(kind, name, reason, by, not after_grace, purge, patience)
    raise typer.Exit(forget(wish, settings, console, json))


Reason = Annotated[str | None, typer.Option(help="only those put aside for this reason: not_json, bad_time, …")]
FromTopic = Annotated[str | None, typer.Option("--topic", help="only those of this source topic")]
Since = Annotated[str | None, typer.Option(help="only those put aside from this time on (RFC 3339 or epoch seconds)")]
Before = Annotated[str | None, typer.Option("--until", help="only those put aside before this time")]

letters = typer.Typer(no_args_is_help=True, help="What could not be processed: list it, look at it, send it again.")
app.add_typer(letters, name="dead-letters")


@letters.command("ls")
def dead_letters_ls(
    settings: SettingsPath = None, reason: Reason = None, topic: FromTopic = None, since: Since = None,
    until: Before = None, each: Annotated[bool, typer.Option("--each", help="one line a letter, with its id")] = False,
) -> None:  # fmt: skip
    """Count dead letters by source topic and reason."""
    from streams.commands.dead_letters import ls, run
    from streams.dead_letters import Filter

    wanted = Filter(reason, topic, moment(since, "--since"), moment(until))
    raise typer.Exit(run(ls(wanted, each), settings, console))


@letters.command("show")
def dead_letters_show(
    name: Annotated[str, typer.Argument(metavar="ID")],
    settings: SettingsPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="as in a file of dead letters, all bytes in base64")] = False,
) -> None:
    """Show one dead letter: why, where from, its key, headers and value."""
    from streams.commands.dead_letters import run, show

    raise typer.Exit(run(show(name, as_json), settings, console))


@letters.command("replay")
def dead_letters_replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="only these")] = None,
    settings: SettingsPath = None, reason: Reason = None, topic: FromTopic = None, since: Since = None,
    until: Before = None,
    to: Annotated[str | None, typer.Option("--to", help="send to this topic, not to where they came from")] = None,
    again: Annotated[bool, typer.Option("--again", help="also those that were sent before")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
) -> None:  # fmt: skip
    """Send the original bytes to the topic they came from, once each."""
    from streams.commands.dead_letters import replay, run
    from streams.dead_letters import Filter

    wanted = Filter(reason, topic, moment(since, "--since"), moment(until), frozenset(ids or ()))
    raise typer.Exit(run(replay(wanted, to, again, dry), settings, console))


@app.command()
def doctor(
    settings: SettingsPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="a list of findings: area, level, what, do")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="do not read the changelogs: no timers, no definition")
    ] = False,
    watch: Annotated[float, typer.Option(help="seconds to watch whether the groups commit")] = 3,
) -> None:
    """Check a deployment end to end, and say what to do about each finding."""
    from streams.commands.doctor import run

    raise typer.Exit(run(settings, as_json, quick, watch, console))


@app.command()
def sql(
    question: Annotated[
        str | None, typer.Argument(help="the name of a question, or SQL; without one, the questions are listed")
    ] = None,
    settings: SettingsPath = None,
    directory: Annotated[
        Path | None, typer.Option("--from", help="a folder that `journeys replay` wrote, instead of a server")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv or json")] = "table",
) -> None:
    """Ask ClickHouse, or the engine inside this process over what a replay wrote."""
    from streams.commands.sql import ask

    raise typer.Exit(ask(question, settings, directory, form, console))


@app.command()
def validate(
    definition: DefinitionPath,
    against: Annotated[Path | None, typer.Option("--against", help="a sample of records: .jsonl or .jsonl.gz")] = None,
    source: Source = "canonical",
    until: Until = None,
    old: Annotated[Path | None, typer.Option("--from", help="the version before: what becomes of its states")] = None,
) -> None:
    """Check a definition in itself, against a sample of the data it is meant for, and as the successor of another."""
    from schemas.definition.check import check
    from streams.commands.against import against as hold
    from streams.commands.sizes import sizes
    from streams.commands.takeover import takeover

    found = definition_at(definition)
    warnings = check(found)
    for problem in warnings:
        console.print(problem.text(str(definition)), highlight=False, style="yellow", soft_wrap=True)
    console.print(
        f"{definition}: valid ({found.name} version {found.version}, digest {found.digest[:12]})", highlight=False
    )
    for line in sizes(found):
        console.print(line, highlight=False, soft_wrap=True)
    if old is not None:
        told = takeover(definition_at(old), found)
        for line in told.lines:
            console.print(f"  {line}", highlight=False, soft_wrap=True)
        if told.refused is not None:
            raise fail(f"states that are {told.refused}", 1)
    if against is None:
        return
    report = hold(found, records_at(against, "sample"), known_source(source), moment(until))
    table = Table(show_header=False, box=None)
    for label, value in report.figures:
        table.add_row(label, value)
    console.print(table)
    for finding in report.findings:
        console.print(
            ("error: " if finding.error else "note: ") + finding.what, style="red" if finding.error else "yellow"
        )
    if any(finding.error for finding in report.findings):
        raise typer.Exit(1)
    console.print(f"{definition} fits {against}")


@app.command()
def init(
    sample: Annotated[Path, typer.Argument(help="a sample of your records: .jsonl or .jsonl.gz")],
    source: Annotated[str | None, typer.Option(help="how they are written; guessed without it")] = None,
    template: Annotated[str, typer.Option(help="the shipped definition to start from")] = "saas",
    out: Annotated[Path | None, typer.Option("--out", help="write here instead of printing")] = None,
) -> None:
    """Propose a definition matched to a sample of your data."""
    from streams.commands.init import propose
    from streams.commands.sample import guess, look

    lines = records_at(sample, "sample")
    chosen = known_source(source) if source else guess(lines[:1000])
    base = definition_at(Path(template))
    text = propose(base.text, base, look(lines, chosen), chosen)
    if out is None:
        print(text)
        return
    if out.exists():
        raise fail(f"{out} exists; choose another --out")
    out.write_text(text)
    console.print(f"wrote {out}; next: journeys validate {out} --against {sample} --source {chosen}", highlight=False)


@app.command()
def sources(
    name: Annotated[str | None, typer.Argument(help="only this one, with all that is read")] = None,
    guess: Annotated[Path | None, typer.Option("--guess", help="tell which source a file of records is from")] = None,
) -> None:
    """List the systems whose records can be read: what each maps, what it cannot give, how it was proven."""
    from streams.commands.sources import list_sources, tell_guess

    if guess is not None:
        raise typer.Exit(tell_guess(records_at(guess, "file"), str(guess), console))
    raise typer.Exit(list_sources(console, known_source(name) if name else None))


@app.command()
def decode(
    file: Annotated[Path, typer.Argument(help="records, one a line: .jsonl or .jsonl.gz")],
    source: Source,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> None:
    """Show what would become of a file, line by line: events, what is dropped, dead letters, with reasons."""
    from streams.commands.sources import decode_file
    from streams.replay.files import Unreadable, numbered_lines

    if not file.is_file():
        raise fail(f"there is no file {file}")
    try:
        decode_file(numbered_lines(file), known_source(source), console, as_json)
    except Unreadable as problem:
        raise fail(str(problem)) from None


@app.command()
def replay(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="records, one a line: .jsonl or .jsonl.gz; SOURCE=FILE of several"),
    ],
    definition: Annotated[Path, typer.Option("--definition", "-d", help="YAML file, or saas, or community")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")],
    source: Source = "canonical",
    until: Until = None,
) -> None:
    """Run files through the same core without Kafka and write what it would have published.

    Several files are read as one, in the order of event time: `journeys replay segment=web.jsonl stripe=billing.jsonl`.
    """
    from streams import memory
    from streams.commands.progress import counting
    from streams.inputs import told as input_told
    from streams.replay.files import Unreadable

    memory.for_entities()
    files = [input_told(text, source) for text in inputs]
    for file in files:
        known_source(file.source)
        if not file.path.is_file():
            raise fail(f"there is no input {file.path}")
    if out.exists() and not out.is_dir():
        raise fail(f"{out} is a file; choose a folder for --out")
    found, end = definition_at(definition), moment(until)
    try:
        with counting(files[0].path, errors) as tick:
            told = _replayed(files, found, out, end, tick)
    except Unreadable as problem:
        raise fail(str(problem)) from None
    published = sum(n for topic, n in told["published"].items() if topic.startswith("transitions"))
    dead = sum(told["dead_letters"].values())
    console.print(
        f"replayed {told['records']:,} records in {told['seconds']:.1f} s ({told['events_per_second']:,}/s): "
        f"{published:,} transitions, {told['published'].get('alerts', 0):,} alert records, {dead:,} dead letters; "
        f"time stopped at {told['stopped_at']}; results in {out}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _replayed(
    files: list[Input], definition: Definition, out: Path, until: int | None, tick: Callable[[int], None] | None
) -> dict[str, Any]:
    """Replay one file, or several as one stream."""
    from streams.inputs import in_order
    from streams.replay.files import replay_lines_to, replay_to

    if len(files) == 1:
        return replay_to(files[0].path, files[0].source, definition, out, until, tick)
    said = {"inputs": [(file.source, str(file.path.resolve())) for file in files]}
    named = {file.source: file.source for file in files}
    return replay_lines_to(in_order(files), named, said, definition, out, until, tick)


@app.command()
def backtest(
    input: Annotated[Path, typer.Argument(help="records, one a line: .jsonl or .jsonl.gz")],
    definition: Annotated[Path, typer.Option("--definition", "-d", help="YAML file, or saas, or community")],
    source: Source = "canonical",
    fit: Annotated[
        bool, typer.Option("--fit", help="write a copy of the definition with coefficients fitted to this input")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="where --fit writes; NAME.fitted.yaml")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the whole report here as JSON")] = None,
    sweep: Annotated[str | None, typer.Option("--sweep", help="try values of a param: NAME, or NAME=30d,45d")] = None,
) -> None:
    """Say what a definition's alerts and churn probabilities would have been worth on a history."""
    from streams.commands.backtest import Refused, run

    found, lines = definition_at(definition), records_at(input, "input")
    to = out or Path(f"{found.name}.fitted.yaml")
    if fit and to.exists():
        raise fail(f"{to} exists; choose another --out")
    try:
        run(found, lines, known_source(source), console, json, sweep, to if fit else None)
    except Refused as problem:
        raise fail(str(problem), 1) from None


@app.command()
def diagram(
    definition: DefinitionPath,
    out: Annotated[Path | None, typer.Option("--out", help="write here instead of printing")] = None,
) -> None:
    """Draw a definition's machines as Mermaid state diagrams, with the rules behind the arrows."""
    from streams.commands.diagram import page

    text = page(definition_at(definition), str(definition))
    if out is None:
        print(text, end="")
    else:
        out.write_text(text)


@app.command()
def shadow(
    input: Annotated[Path, typer.Argument(help="records, one a line: .jsonl or .jsonl.gz")],
    live: Annotated[Path, typer.Option("--live", help="the definition in force: YAML file, or saas, or community")],
    candidate: Annotated[Path, typer.Option("--candidate", help="the one to compare with it")],
    source: Source = "canonical",
    until: Until = None,
    json: Annotated[Path | None, typer.Option("--json", help="write everything here, as JSON")] = None,
    most: Annotated[int, typer.Option("--most", help="entities to print one by one")] = 20,
) -> None:
    """Run two definitions over the same records: whose stage would differ, which steps, and why."""
    from streams.commands.progress import counting
    from streams.commands.shadow import as_json, show
    from streams.replay.files import Unreadable, lines_of
    from streams.shadow.compare import shadow as compared

    if not input.is_file():
        raise fail(f"there is no input {input}")
    one, other, end = definition_at(live), definition_at(candidate), moment(until)
    try:
        with counting(input, errors) as tick:
            found = compared(one, other, lambda: lines_of(input), known_source(source), end, tick)
    except Unreadable as problem:
        raise fail(str(problem)) from None
    show(found, console, most)
    if json is not None:
        json.write_bytes(as_json(found))
        console.print(f"all of it in {json}", highlight=False)


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
