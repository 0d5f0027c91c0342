"""The steps of a training are the same for every task; what differs is a course, one a head.

To add one: write a module with a class that is a `Course`, and name it here beside its head.
"""

from collections.abc import Mapping

from models.heads.classification import ClassificationConfig
from models.heads.extraction import ExtractionConfig
from models.heads.summarization import SummarizationConfig
from models.heads.tagging import TaggingConfig
from models.training.config import Config
from models.training.courses.classifying import Classifying
from models.training.courses.course import Course, Sources
from models.training.courses.extracting import Extracting
from models.training.courses.joint import JointCourse
from models.training.courses.tagging import Tagging
from models.training.courses.writing import Writing

__all__ = ["Course", "Sources", "prepare"]

_COURSES: Mapping[type, type[Course]] = {
    ClassificationConfig: Classifying,
    TaggingConfig: Tagging,
    ExtractionConfig: Extracting,
    SummarizationConfig: Writing,
}


def prepare(sources: Sources, config: Config) -> Course:
    """Read and encode the data of one training."""
    if config.tasks:
        return JointCourse(sources, config)
    return _COURSES[type(config.head)](sources, config)
