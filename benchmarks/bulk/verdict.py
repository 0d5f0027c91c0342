"""Whether each row of the input came out once, in its place, with its own columns and answer."""

import json
import subprocess
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.bulk.source import COLUMNS, blocks
from benchmarks.processes import ROOT, module
from benchmarks.rig import Rig
from schemas.errors import TextmillError

NEAR = 1e-4
"""Where the two best labels lie so close, rounding may choose between them."""
FAR = 1e-3
"""Scores that differ more are of another text."""
_ROWS = "SELECT count(*), count(DISTINCT job_id) FROM result WHERE bulk_id = :one"
_AGAIN = "SELECT count(*) FROM ending WHERE bulk_id = :one AND state = 'DUPLICATE'"
_OTHERS = "SELECT count(*) FROM ending WHERE bulk_id = :one AND state <> 'DUPLICATE'"


def joined(given: Path, found: Path) -> dict[str, int]:
    """How many rows the export has, and how many are not those of the input in their place.

    Ids rise with the rows and each is there once, so a row that is equal at its place is neither
    lost nor doubled.
    """
    rows = misplaced = unanswered = 0
    pairs = zip_longest(blocks(given, COLUMNS), blocks(found, (*COLUMNS, "state")))
    for one, other in pairs:
        if one is None or other is None or len(one) != len(other):
            raise TextmillError(f"{found} has another number of rows than {given}.")
        rows += len(other)
        unanswered += sum(1 for state in other.column("state").to_pylist() if state != "done")
        if not all(one.column(name).equals(other.column(name)) for name in COLUMNS):
            wanted, there = one.to_pylist(), other.select(list(COLUMNS)).to_pylist()
            misplaced += sum(1 for pair in zip(wanted, there, strict=True) if pair[0] != pair[1])
    return {"exported": rows, "misplaced": misplaced, "unanswered": unanswered}


def labelled(version: Path, found: Path) -> dict[str, Any]:
    """Rows whose label is not what the version says to the text alone; see `alone`."""
    command = module("benchmarks.bulk.alone", str(version), str(found))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TextmillError(f"The version could not be asked: {done.stderr[-1000:]}")
    counts: dict[str, Any] = json.loads(done.stdout)
    return {"wrong_answers": counts["wrong"], "near_labels": counts["near"]}


def judged(answer: Any, label: str | None, score: float | None) -> str | None:
    """What is wrong with a row; None: nothing.

    Args:
        answer: the version's, with `label`, `score` and the `scores` of the best labels.
        label: of the row.
        score: of the row.
    """
    if score is None or abs(answer.score - score) > FAR:
        return "wrong"
    if answer.label == label:
        return None
    return "near" if answer.scores.get(label, 0.0) > answer.score - NEAR else "wrong"


def in_tables(where: Rig, bulk_id: str, rows: int) -> dict[str, int]:
    """Answers that are lacking or there twice, and records that ended otherwise."""
    with where.engine.connect() as connection:
        found, distinct = connection.execute(text(_ROWS), {"one": bulk_id}).one()
        again, others = (
            int(connection.scalar(text(query), {"one": bulk_id}) or 0)
            for query in (_AGAIN, _OTHERS)
        )
    return {
        "lost": rows - distinct,
        "doubled": found - distinct,
        "other_endings": others,
        "sent_again": again,
    }
