"""Changed copies of texts, for teachers to answer."""

from models.compression.variants import Variants

TEXTS = ["set an alarm for seven", "what is the weather like", "", "play"]
WORDS = {word for text in TEXTS for word in text.split()}


def test_each_text_has_copies_of_known_words_the_same_each_time() -> None:
    copies = Variants(TEXTS, 20, "en", seed=1)
    found = list(copies)
    assert found == list(copies)
    assert len(found) == 3 * 20
    assert all(copy.strip() for copy in found)
    assert {word for copy in found for word in copy.split()} <= WORDS | {"?"}
    assert len(set(found[:20])) > 10
    assert list(Variants(TEXTS, 20, "en", seed=2)) != found


def test_chinese_is_changed_by_character() -> None:
    found = list(Variants(["今天天气很好", "播放音乐"], 10, "zh"))
    assert all(set(copy) <= set("今天天气很好播放音乐") for copy in found)
