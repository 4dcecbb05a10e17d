"""Make the pages again: `python -m deploy.docs`. It replays the demo's company, which takes half a minute."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploy.demo.company import Company
from deploy.docs import answers, reference
from schemas.definition.parse import load
from streams.commands.sql import embedded
from streams.replay.files import replay_to

SAAS = Path(__file__).parents[2] / "schemas" / "definitions" / "saas.yaml"


def main() -> None:
    """Write docs/reference.md and docs/questions.md."""
    reference.PAGE.write_text(reference.page())
    print(f"wrote {reference.PAGE.name}")
    made = Company()
    with tempfile.TemporaryDirectory(prefix="journeys-docs-") as name:
        folder = Path(name)
        (folder / "company.jsonl").write_bytes(b"\n".join(made.line(event) for event in made.events()))
        replay_to(folder / "company.jsonl", "canonical", load(SAAS), folder / "out", made.until)
        client = embedded(folder / "out")
        answers.PAGE.write_text(answers.page(client))
        client.close()
    print(f"wrote {answers.PAGE.name}")


if __name__ == "__main__":
    main()
