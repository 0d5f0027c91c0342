"""Small lists of words that say little about a topic, by language; made for this project.

No words of judgement or negation are among them, so that a sentiment survives. The Chinese list
holds what may go wherever it stands: particles, and words of two characters or more.
"""

STOP_WORDS = {
    "en": """a about after again all also am an and any are as at be because been before being both
        by can could did do does doing during each few for from had has have having he her here hers
        him his how i if in into is it it's its itself me more most my of off on once or other our
        ours out over own same she should so some such than that the their theirs them then there
        these they this those through to under until up was we were what when where which while who
        whom why will with would you your yours""",
    "zh": """的 了 着 吗 呢 吧 啊 呀 嘛 哦 之 与 及 而 且 以及 并且 而且 因为 所以 如果 那么 这个
        那个 这些 那些 这样 那样 这里 那里 什么 怎么 哪些 我们 你们 他们 她们 它们 自己 一个 一种
        一些 一下 进行 通过 关于 对于 由于 根据 按照 为了 或者 还是 其中 其他 此外
        同时 之后 之前""",
}
