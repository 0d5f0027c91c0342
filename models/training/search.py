"""A search for the numbers of a recipe: trials, each a training, drawn by what others gave.

Values come from a tree-structured Parzen estimator (Bergstra et al. 2011). After each epoch a trial
whose best dev score so far is below the median of the others at that epoch is given up. A study
keeps every trial the moment it ends, so a search that is stopped goes on where it was; a trial in
the middle of its training is lost. No version is written: the best recipe is what comes out.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import msgspec
import optuna
from optuna.trial import FrozenTrial, TrialState

from models.training import courses, run, space, transfer, workspace
from models.training.config import Config
from models.training.exchange import ALONE
from models.training.observer import Observer
from models.training.space import Space
from schemas.errors import SettingsError, UnavailableError

_ORIGIN = "origin"
_BEFORE_GIVING_UP = 3
"""Trials that are trained to their end before any is given up."""


class Found(NamedTuple):
    """What a search has come to."""

    best: Mapping[str, Any]
    """The values of the best trial, by their names."""
    score: float
    metric: str
    trials: list[FrozenTrial]
    """Those that ended, the ones given up included."""

    @property
    def given_up(self) -> int:
        """How many were given up."""
        return sum(one.state == TrialState.PRUNED for one in self.trials)


class Search:
    """A study and what it is about."""

    def __init__(self, study: str, storage: Any, request: run.Request, tried: Space) -> None:
        """Begin the study, or go on with it.

        Args:
            storage: where Optuna keeps studies.
            request: a training as the trials are; its `out` is not used.

        Raises:
            SettingsError: the study was begun with something else, or recipe and parent do not go
                together.
            DataError: a file cannot be read, or the parent has another encoder.
        """
        transfer.check(request.config, request.init_from)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._request, self._space = request, tried
        pruner = optuna.pruners.MedianPruner(_BEFORE_GIVING_UP, n_warmup_steps=0)
        self._study = optuna.create_study(
            storage=storage,
            study_name=study,
            direction="maximize",
            load_if_exists=True,
            pruner=pruner,
        )
        self._check_origin(study)
        self._study.sampler = optuna.samplers.TPESampler(
            seed=request.config.fit.seed + len(self._study.trials), n_startup_trials=5
        )

    def run(self, trials: int, observer: Observer) -> Found:
        """Go on until so many trials have ended, those of earlier runs included.

        Raises:
            SettingsError: none was trained to its end.
            DataError: the files cannot be used.
            UnavailableError: the disk takes no more.
        """
        while len(self._ended()) < trials:
            self._try(observer)
        if not self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            raise SettingsError("no trial could be trained: narrow the search space")
        best = self._study.best_trial
        return Found(self._values(best), self._study.best_value, self.metric, self._ended())

    @property
    def metric(self) -> str:
        """The dev score that is searched for; empty before the first trial."""
        return str(self._study.user_attrs.get("metric", ""))

    def _try(self, observer: Observer) -> None:
        trial = self._study.ask()
        state = TrialState.FAIL  # unless it comes to an end
        score = None
        try:
            score = self._score(trial, observer)
            state = TrialState.COMPLETE
        except optuna.TrialPruned:
            state = TrialState.PRUNED
        except OSError as error:
            raise UnavailableError(
                f"a trial cannot write to {tempfile.gettempdir()}: {error.strerror or error}; make "
                "room, then give the command again"
            ) from error
        finally:
            self._study.tell(trial, score, state)
            keras.utils.clear_session()  # networks of other trials would fill the memory

    def _score(self, trial: optuna.Trial, observer: Observer) -> float:
        """Return the best dev score of one training."""
        config = self._recipe(trial)
        request = msgspec.structs.replace(self._request, config=config)
        with tempfile.TemporaryDirectory(prefix="textmill-tune-") as name:
            folder = Path(name)
            course = courses.prepare(run.sources(request, folder), config)
            metric = course.objective.metric
            self._study.set_user_attr("metric", metric)
            judge = Judge(trial, metric, observer)
            learnt = run.learn_course(request, course, folder, judge, ALONE)
        return max(row[metric] for row in learnt.progress.dev)

    def _recipe(self, trial: optuna.Trial) -> Config:
        values = {name: one.draw(trial, name) for name, one in self._space.items()}
        try:
            config = space.applied(self._request.config, values)
            transfer.check(config, self._request.init_from)
            return config
        except SettingsError as error:  # each value is sound, together they are not
            raise optuna.TrialPruned(str(error)) from error

    def _ended(self) -> list[FrozenTrial]:
        return self._study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
        )

    def _values(self, trial: FrozenTrial) -> dict[str, Any]:
        fixed = optuna.trial.FixedTrial(trial.params)
        return {name: one.draw(fixed, name) for name, one in self._space.items()}

    def _check_origin(self, study: str) -> None:
        request = self._request
        columns = request.reading.text_column, request.reading.label_column
        facts = [request.task, request.lang, request.config, dict(self._space), columns]
        wanted = workspace.origin(msgspec.json.encode(facts), request.files)
        begun = self._study.user_attrs.get(_ORIGIN)
        if begun is None:
            self._study.set_user_attr(_ORIGIN, wanted)
        elif changed := workspace.changed(begun, wanted):
            raise SettingsError(
                f"the study {study} was begun with another recipe or space, or other data "
                f"({', '.join(changed)}): give another --study"
            )


class Judge:
    """An observer that tells a study of each epoch, and ends a trial that is given up."""

    def __init__(self, trial: optuna.Trial, metric: str, observer: Observer) -> None:
        self._trial, self._metric, self._observer = trial, metric, observer

    def step(self, done: int, total: int) -> None:
        """See `Observer`."""
        self._observer.step(done, total)

    def report(self, row: dict[str, float]) -> None:
        """See `Observer`; raises `optuna.TrialPruned`."""
        self._observer.report(row)
        if "epoch" in row and "teacher" not in row:
            self._trial.report(row[self._metric], int(row["epoch"]))
            if self._trial.should_prune():
                raise optuna.TrialPruned
