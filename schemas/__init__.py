"""The vocabulary of Textmill: jobs, predictions, model versions, settings, SQL tables. No I/O.

The *tables* of the SQL store are declared here; the neural models live in the package `models`.
"""
