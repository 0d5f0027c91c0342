"""Two versions side by side: whether one may stand in for the other, and what differs. Pure."""

from collections.abc import Iterator
from typing import Any

from schemas.model_version import Manifest
from schemas.task import Task

_SHOWN = 5


def lost_labels(new: Manifest, live: Manifest, task: Task) -> str:
    """The labels of a task that `live` gives and `new` does not, for people; empty: there is none.

    Labels may be more, never fewer: whoever reads the rows counts on those that are there.
    """
    gone = sorted(set(live.tasks.get(task, ())) - set(new.tasks.get(task, ())))
    more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    return ", ".join(gone[:_SHOWN]) + more


def differences(one: Manifest, other: Manifest) -> Iterator[tuple[str, Any, Any]]:
    """`(what, in the one, in the other)` for everything that is not the same in both."""
    first, second = _flat(one), _flat(other)
    for name in sorted(first.keys() | second.keys()):
        if first.get(name) != second.get(name):
            yield name, first.get(name), second.get(name)


def _flat(manifest: Manifest) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "languages": list(manifest.languages),
        "tasks": [task.value for task in manifest.tasks],
        "max_length": manifest.max_length,
        "created_at": manifest.created_at,
        "parent": manifest.parent,
        "data": [one.name for one in manifest.data],
    }
    facts |= {f"labels of {task}": list(labels) for task, labels in manifest.tasks.items()}
    facts |= {f"metric {name}": value for name, value in manifest.metrics.items()}
    facts |= {f"file {name}": digest[:12] for name, digest in manifest.files.items()}
    return facts | {f"architecture {name}": v for name, v in manifest.architecture.items()}
