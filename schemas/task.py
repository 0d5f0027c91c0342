"""The four tasks."""

from enum import StrEnum


class Task(StrEnum):
    """What is asked about a text. The value is used in topics, views, settings and commands."""

    CLASSIFICATION = "classification"
    SENTIMENT = "sentiment"
    SUMMARIZATION = "summarization"
    TAGGING = "tagging"
