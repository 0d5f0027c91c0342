"""Side-by-side measurements: Textmill, the bare model and a plain loop, on the same texts.

Only ratios mean something: the machine, its neighbours and the day are the same for all parts of a
run and for nothing else.
"""
