"""The running system: dispatchers that form batches and workers that answer them."""
