"""One worker of a training: ``python -m components.trainer.workers``, which Trainer starts."""

import os
import sys
import traceback
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from components.trainer.fitting import replicas
from components.trainer.run_fn import train
from components.trainer.workers.launch import LOST_ANOTHER, receive_task

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
    task = receive_task()
    try:
        strategy = replicas.join()
        train(SimpleNamespace(**task))
        # Nobody leaves before the chief has exported: to it, that would be a worker lost.
        replicas.of_chief(np.zeros(1, np.float32), strategy)
    except _LOST:
        traceback.print_exc()
        return LOST_ANOTHER
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that wait for workers that have gone must not keep this one.
    os._exit(code)
