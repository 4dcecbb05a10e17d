"""docs/questions.md: the questions that ship with us, and their answers on the demo's company."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.questions import Question, questions
from streams.commands.sql import answer, plain

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"

HEAD = """\
# Questions, and their answers on the demo's company

Made by `python -m deploy.docs`; a test asks them of the company as it comes through Kafka, Faust and the sink. Ask them of your
own data by name, of a server or of what a replay wrote:

```
journeys sql                                 # lists them
journeys sql at_risk --settings settings.toml
journeys sql at_risk --from out              # the engine inside this process, over a folder of `journeys replay`
journeys sql "SELECT count() FROM valid_transitions" --from out --format csv
```

The views behind them are described in [sql.md](sql.md). `journeys sql` asks read-only.
"""


def page(client: Client) -> str:
    """The whole page. `client` holds the company."""
    return HEAD + "".join(_section(client, question) for question in questions().values())


def _section(client: Client, question: Question) -> str:
    names, rows = answer(client, question.sql)
    table = [names, ["---"] * len(names), *[[plain(value) for value in row] for row in rows]]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in table)
    notes = f"{question.notes}\n\n" if question.notes else ""
    return f"\n## {question.title}\n\n{notes}`journeys sql {question.name}`\n\n```sql\n{question.sql}\n```\n\n{lines}\n"
