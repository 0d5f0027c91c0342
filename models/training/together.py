"""`textmill train --processes N`: the first of N processes starts the others and ends them.

They are `models.training.member`, on this machine, and learn what the first one learns, each its
share (`models.training.exchange`). If one is gone before its time, the training ends with its
number and its end; the last checkpoint stays. If the first is gone, the others end by themselves:
their standard input ends.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from pathlib import Path

import msgspec

from models.training.exchange import ALONE, Exchange, Joined
from models.training.request import Request
from schemas.errors import UnavailableError

_GRACE = 10.0
"""Seconds for a process whose stream has ended to be over."""
Member = subprocess.Popen[bytes]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told, as one line of JSON on its standard input."""

    request: msgspec.Raw
    """The `Request` of the training."""
    rank: int
    count: int
    line: int
    """File descriptor of its line to the first process."""
    memory: int
    """File descriptor of the memory that all share."""


@contextmanager
def joined(request: Request, processes: int, folder: Path) -> Iterator[Exchange]:
    """Start the other processes of a training; none is left at the end.

    Each writes its complaints to `process-<number>.log` in `folder`. Raises UnavailableError where
    one of them was gone before the end.
    """
    if processes == 1:
        yield ALONE
        return
    with ExitStack() as stack:
        memory = os.memfd_create("textmill")
        stack.callback(os.close, memory)
        members, lines = {}, {}
        for rank in range(1, processes):
            lines[rank], other = (stack.enter_context(line) for line in Pipe())
            with other, (folder / f"process-{rank + 1}.log").open("wb") as log:
                descriptors = {"line": other.fileno(), "memory": memory}
                asked = msgspec.Raw(request.as_json())
                order = Order(request=asked, rank=rank, count=processes, **descriptors)
                members[rank] = _start(order, log.fileno())
            stack.callback(_end, members[rank])
        exchange = Joined(0, processes, lines, memory)
        try:
            yield exchange
        except Exception as error:
            if exchange.lost is None:
                raise
            raise _gone(members[exchange.lost], exchange.lost, folder) from error


def take_share(rank: int, count: int) -> None:
    """Take this process's part of the machine: of the cores, and one GPU if there are any.

    TensorFlow must not have run anything yet.
    """
    import tensorflow as tf

    threads = max(1, len(os.sched_getaffinity(0)) // count)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if gpus := tf.config.list_physical_devices("GPU"):
        gpu = gpus[rank % len(gpus)]
        tf.config.set_visible_devices(gpu, "GPU")
        tf.config.experimental.set_memory_growth(gpu, True)


def _start(order: Order, log: int) -> Member:
    member = subprocess.Popen(
        [sys.executable, "-m", "models.training.member"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=log,
        pass_fds=(order.line, order.memory),
        start_new_session=True,
    )
    if member.stdin:
        member.stdin.write(msgspec.json.encode(order) + b"\n")
        member.stdin.flush()
    return member


def _end(member: Member) -> None:
    member.kill()
    member.communicate()


def _gone(member: Member, rank: int, folder: Path) -> UnavailableError:
    code = member.wait(_GRACE)
    how = f"was killed by signal {-code}"
    if code >= 0:
        how = f"broke down with exit code {code} ({folder / f'process-{rank + 1}.log'})"
    return UnavailableError(
        f"process {rank + 1} of the training {how}; the last checkpoint is in {folder}: "
        "go on with --resume"
    )
