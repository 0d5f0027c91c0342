"""Whether a version can stand in for the one that answers now. Pure."""

from schemas.model_version import Manifest
from workers.rollout.comparing import lost_labels


def differences(new: Manifest, live: Manifest) -> tuple[str, ...]:
    """What users of `live` would miss in `new`, one sentence each; empty where there is nothing.

    Tasks, languages and labels may be more, and never fewer.
    """
    said = []
    for task in live.tasks:
        if task not in new.tasks:
            said.append(f"it does not answer {task}, as the live version does")
        elif lost := lost_labels(new, live, task):
            said.append(f"it lacks labels of the live version for {task}: {lost}")
    if unread := sorted(set(live.languages) - set(new.languages)):
        said.append(f"it does not read {', '.join(unread)}, as the live version does")
    return tuple(said)
