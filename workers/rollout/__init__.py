"""What operators do with models while they serve: activate, canary, promote, roll back.

    from schemas.settings import load
    from workers.assembly import Store
    from workers.rollout.operator import Operator

    with Store(load()) as store:
        operator = Operator(store.registry, store.rollouts, actor="ada")
        steps = operator.activate("topics@3")
        operator.wait(steps)

The command line (`workers.cli.rollouts`) does no more than this.
"""
