"""One of the further processes of a training: `python -m models.training.member`.

`models.training.together` starts it. Standard input holds one line, the order, and stays open as
long as the first process lives; standard error is this process's log, which never holds a text.
"""

import os
import sys
import threading
import traceback
from multiprocessing.connection import Connection

import msgspec

from models.quiet import import_tensorflow
from schemas.errors import TextmillError


def main() -> None:
    """Do as the order says; exit code 1 where that fails."""
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    try:
        _learn(line)
    except TextmillError as error:
        sys.exit(str(error))
    except Exception as error:  # told with its way, but without its words
        traceback.print_tb(error.__traceback__)
        sys.exit(type(error).__name__)


def _learn(line: bytes) -> None:
    import_tensorflow()
    import tensorflow as tf

    from models.training import request as requests
    from models.training import run, together, workspace
    from models.training.exchange import Joined
    from models.training.observer import Silent

    order = msgspec.json.decode(line, type=together.Order)
    request = requests.read(order.request)
    tf.config.experimental.enable_op_determinism()
    together.take_share(order.rank, order.count)
    exchange = Joined(order.rank, order.count, {0: Connection(order.line)}, order.memory)
    run.learn(request, workspace.beside(request.out), Silent(), exchange)


def _end_with_the_first() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
