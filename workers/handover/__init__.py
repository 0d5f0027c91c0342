"""From a dispatcher to the workers and back: fast, and allowed to lose what it carries.

    dispatcher  HandOver.submit   --Celery: one task = one batch-->   the worker's own queue
    worker      Bus.complete      --a list for each dispatcher---->   HandOver.completions
    worker      Bus.announce      --a key that expires------------>   HandOver.workers

Two pairs of adapters: over Redis between processes, and in memory inside one. Both carry the
batches with Celery, so the worker is the same. Nothing here is retried or kept: the dispatcher
notices a loss by its lease and is the only one that tries again, because Celery's own promises on
Redis (late acknowledgement, redelivery) were measured to lose and to repeat tasks.
"""
