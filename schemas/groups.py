"""Model groups: which models only some of the workers serve.

    heavy=summary-zh,summary-en;titles=topic-zh

A worker of a group serves the models of that group and nothing else; one of no group serves every
model that is in none. A model may be in several groups.
"""

import re
from collections.abc import Collection, Mapping

import msgspec

from schemas.errors import SettingsError, UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_FORM = "write `NAME=MODEL,MODEL`, several groups with `;` between them"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The models that a worker serves."""

    only: tuple[str, ...] = ()
    """Their names; empty: all models."""
    others: tuple[str, ...] = ()
    """Names of models that it does not serve: they are left to the workers of groups."""

    def __contains__(self, model: object) -> bool:
        return (not self.only or model in self.only) and model not in self.others

    def without(self, models: Collection[str]) -> "Share":
        """The same but these models."""
        if not models:
            return self
        return Share(only=self.only, others=tuple(sorted({*self.others, *models})))


EVERYTHING = Share()


def parse(text: str) -> Mapping[str, tuple[str, ...]]:
    """The models of each group, by its name.

    Raises:
        SettingsError: the text has another form.
    """
    groups: dict[str, tuple[str, ...]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, _, listed = (one.strip() for one in part.partition("="))
        models = tuple(one.strip() for one in listed.split(","))
        if name in groups or not all(map(_NAME.fullmatch, (name, *models))):
            raise SettingsError(f"`{part[:60]}` is no model group, or comes twice: {_FORM}.")
        groups[name] = models
    return groups


def share_of(groups: Mapping[str, tuple[str, ...]], group: str) -> Share:
    """What a worker of this group serves; `""`: of none.

    Raises:
        UsageError: there is no such group.
    """
    if not group:
        return Share(
            others=tuple(sorted({model for models in groups.values() for model in models}))
        )
    if group not in groups:
        known = ", ".join(sorted(groups)) or "there is none"
        raise UsageError(f"There is no model group `{group[:40]}` in `worker.groups`: {known}.")
    return Share(only=groups[group])
