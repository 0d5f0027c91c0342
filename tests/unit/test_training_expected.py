"""How answers are spread over buckets."""

from models.training.expected import spread
from schemas.prediction import Prediction


def test_counts_by_feature_and_bucket() -> None:
    answers = [
        Prediction(tokens=3, label="a", score=0.95),
        Prediction(tokens=9, label="b", score=0.1),
        Prediction(tokens=600, label="a", score=0.09),
    ]
    assert spread(answers, "en") == {
        "length": {"16": 1, "4": 1, "more": 1},
        "lang": {"en": 3},
        "label": {"a": 2, "b": 1},
        "score": {"0.1": 1, "0.2": 1, "1.0": 1},
    }


def test_what_answers_do_not_have_is_left_out() -> None:
    assert spread([Prediction(tokens=1, spans=())], "zh") == {"length": {"4": 1}, "lang": {"zh": 1}}
