"""How an unforeseen error is told: without its text, which may quote a job's."""


def kind(error: BaseException) -> str:
    """The error's class and place; its text may quote a job's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + place
