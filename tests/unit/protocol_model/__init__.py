"""A seeded model of the whole protocol: real core, imagined world, every fault, virtual time.

The real `Intake`, `Scheduler` (with its books, watermarks, flights, isolation and retries) and
`admit` run against an imagined log, store, hand-over and workers. One seed makes one *history*: a
few records, some of them duplicates, conflicts, rubbish, expired or deadly; one or two dispatchers;
two workers; and a handful of faults at named steps. After each write and at the end of each
history the invariants are checked:

    I1   every record below the watermark has exactly one terminal state
    I2   results = distinct valid jobs
    I3   the watermark ends behind the last record; a claim begins at SQL's watermark
    I4   the log's committed offset never passes SQL's
    I5   watermark and epoch never fall
    I6   a stale epoch changes no row
    I7   one version a batch, and one that was live when it was pinned
    I8   every output is what an oracle makes of that text alone
    I9   what is in memory stays under its cap
    I10  all is done within two minutes after the last fault
    I13  quarantined = the deadly texts

`mutants` breaks the protocol in the known ways; each must be caught by some history.
"""
