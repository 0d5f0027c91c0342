"""The SQL store: results, registry and the protocol's ledger, on PostgreSQL and on SQLite.

    engine → transaction → ledger | results | registry | lookup        upgrade (migrations)

Each adapter is a small class on an `Engine`. Statements have bound parameters only; third-party
errors are translated once, in `errors`, and say nothing about the data.
"""
