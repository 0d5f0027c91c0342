"""Writing results while the device goes on: one thread behind a queue of one.

A batch is reported complete only after its transaction is committed. When the store is slower than
the device the queue is full and the device waits; nothing piles up in memory.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from schemas.batch import Batch, Completion, Failure
from schemas.errors import UnavailableError
from schemas.record import Ending
from workers.failure import kind
from workers.ports import Answer, Bus, Recorded, Results
from workers.stage import Stage

_log = logging.getLogger(__name__)
_DEPTH = 1
_REPORT_AGAIN_S = 0.5
_REPORT_FOR_S = 30.0
"""How long a completion is tried to be told; after that the dispatcher's lease runs out anyway."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the device made of a batch."""

    batch: Batch
    answers: Sequence[Answer] = ()
    endings: Sequence[Ending] = ()
    compute_s: float = 0.0
    exhausted: bool = False
    """Whether the device's memory did not hold an array of it."""
    failure: tuple[str, str] | None = None
    """Reason code and sentence where the batch as a whole failed."""


class Persister:
    """Commits and reports finished work, in order."""

    def __init__(
        self, worker_id: str, results: Results, bus: Bus, done: Callable[[str], None]
    ) -> None:
        """`done` is told the id of each batch that is reported, or will never be."""
        self._done = done
        self._worker_id = worker_id
        self._results = results
        self._bus = bus
        self._hurry = threading.Event()
        self._stage: Stage[Work] = Stage("persist", self._keep, _DEPTH)

    def start(self) -> None:
        """Begin to take work."""
        self._stage.start()

    def put(self, work: Work) -> None:
        """Hand work over; waits while another is waiting already."""
        self._stage.put(work)

    def finish(self) -> None:
        """Commit and report what was handed over, then end."""
        self._hurry.set()
        self._stage.finish()

    def _keep(self, work: Work) -> None:
        try:
            self._report(work.batch.reply_to, self._settle(work))
        except Exception as error:  # the edge of the thread: it must live on
            _log.error("Batch %s is not reported: %s.", work.batch.batch_id, kind(error))
        self._done(work.batch.batch_id)

    def _settle(self, work: Work) -> Completion:
        if work.batch.shadow:
            return self._compare(work)
        if work.failure is not None:
            return failed(self._worker_id, work.batch, *work.failure, compute_s=work.compute_s)
        started = time.perf_counter()
        try:
            recorded = self._results.record(work.batch, work.answers, work.endings, work.compute_s)
        except UnavailableError as error:
            return failed(self._worker_id, work.batch, "store_unavailable", str(error))
        except Exception as error:  # a bug in one batch must not stop the others
            _log.error("Batch %s cannot be stored: %s.", work.batch.batch_id, kind(error))
            return failed(self._worker_id, work.batch, "store_error", type(error).__name__)
        return self._completion(work, recorded, time.perf_counter() - started)

    def _compare(self, work: Work) -> Completion:
        """Keep a shadow's answers; what goes wrong with them is nobody's trouble but its own."""
        batch, why = work.batch, work.failure[0] if work.failure else "no answer to this text"
        try:
            self._results.compare(batch, work.answers, work.compute_s, why)
        except UnavailableError as error:
            return failed(self._worker_id, batch, "store_unavailable", str(error))
        except Exception as error:
            _log.error("Shadow batch %s cannot be stored: %s.", batch.batch_id, kind(error))
            return failed(self._worker_id, batch, "store_error", type(error).__name__)
        return Completion(
            batch_id=batch.batch_id, worker_id=self._worker_id, compute_s=work.compute_s
        )

    def _completion(self, work: Work, recorded: Recorded, persist_s: float) -> Completion:
        dealt_with = {(a.item.partition, a.item.offset) for a in work.answers}
        dealt_with |= {(e.partition, e.offset) for e in work.endings}
        return Completion(
            batch_id=work.batch.batch_id,
            worker_id=self._worker_id,
            settled=recorded.settled,
            fenced=recorded.fenced,
            failed=tuple(
                Failure(item.partition, item.offset, "out_of_memory")
                for item in work.batch.items
                if (item.partition, item.offset) not in dealt_with
            ),
            compute_s=work.compute_s,
            persist_s=persist_s,
            exhausted=work.exhausted,
        )

    def _report(self, reply_to: str, completion: Completion) -> None:
        give_up = time.monotonic() + _REPORT_FOR_S
        while True:
            try:
                self._bus.complete(reply_to, completion)
            except UnavailableError:
                if self._hurry.is_set() or time.monotonic() > give_up:
                    raise
                self._hurry.wait(_REPORT_AGAIN_S)
            else:
                return


def failed(
    worker_id: str, batch: Batch, reason: str, error: str, compute_s: float = 0.0
) -> Completion:
    """The report of a batch that failed as a whole and may be tried again."""
    return Completion(
        batch_id=batch.batch_id,
        worker_id=worker_id,
        failed=tuple(Failure(item.partition, item.offset, reason) for item in batch.items),
        error=error,
        compute_s=compute_s,
    )
