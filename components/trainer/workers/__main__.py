"""One worker of a training: ``python -m components.trainer.workers``, which Trainer starts."""

import json
import os
import sys
import threading
import traceback
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from components.trainer.fitting import replicas
from components.trainer.run_fn import train
from components.trainer.workers.launch import LOST_ANOTHER

# What a worker meets when another one has gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


def main() -> int:
    """Trains what standard input says; ends at once when standard input is closed."""
    line = bytearray()
    while not line.endswith(b"\n"):
        read = os.read(0, 1 << 16)
        if not read:
            return 1
        line += read
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        strategy = replicas.join()
        train(SimpleNamespace(**json.loads(line)))
        # Nobody leaves before the chief has exported: to it, that would be a worker lost.
        replicas.of_chief(np.zeros(1, np.float32), strategy)
    except _LOST:
        traceback.print_exc()
        return LOST_ANOTHER
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end_with_input() -> None:
    # Not through sys.stdin, whose lock would be held when this process ends.
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that wait for workers that have gone must not keep this one.
    os._exit(code)
