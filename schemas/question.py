"""What is asked of a model: a text, what was said before it, and which task wants an answer."""

import msgspec

from schemas.task import Task


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """One text to answer."""

    text: str
    context: tuple[str, ...] = ()
    """Earlier turns of the dialogue, oldest first; models without a memory pass over them."""
    task: Task | None = None
    """The task whose answer is wanted, for a model that has several; None: its only one."""
