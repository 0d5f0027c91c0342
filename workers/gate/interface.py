"""Whether a version can stand in for the one that answers now. Pure."""

from schemas.model_version import Manifest


def differences(new: Manifest, live: Manifest) -> tuple[str, ...]:
    """What users of `live` would miss in `new`, one sentence each; empty where there is nothing.

    Tasks, languages and labels may be more, and never fewer.
    """
    said = []
    for task, labels in live.tasks.items():
        if task not in new.tasks:
            said.append(f"it does not answer {task}, as the live version does")
        elif gone := sorted(set(labels) - set(new.tasks[task])):
            said.append(f"it lacks labels of the live version for {task}: {_few(gone)}")
    if unread := sorted(set(live.languages) - set(new.languages)):
        said.append(f"it does not read {', '.join(unread)}, as the live version does")
    return tuple(said)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
