"""Python's collector of cycles, and how long it makes everything wait."""

import gc


def settle() -> None:
    """Spare the collector what is here now: the libraries' own objects, which never go.

    TensorFlow's are 290,000; looking at them all takes 0.4 to 0.7 s on a core, in which no batch is
    served, and each load and each unload collects. Without them it takes 3 ms. In a dispatcher,
    which has no TensorFlow, it was 75 to 180 ms several times during a flood.
    """
    gc.collect()
    gc.freeze()
