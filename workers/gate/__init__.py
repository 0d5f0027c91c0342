"""What a version must show before it is registered.

    files       names, sizes, sha256, and no code in the container     here, nothing is opened
    interface   it can stand in for the version that answers now       here, pure
    load        network and weights                                    in a process of its own,
    finite      numbers for every length                               with a limit on time and
    samples     the answers it gave when it was made                   memory
    builds      each build that a worker may serve: its samples, and its shapes
    shapes      the same answers in every shape as alone
    speed       what batches cost, and how much memory it takes

The first check that fails ends the examination, and its reason is the answer. The process of the
trial is given no setting of Textmill's, so it knows no database and no password; that it dies,
hangs or takes too much memory is a reason like any other.
"""
