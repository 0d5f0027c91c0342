"""TensorFlow is imported without the packages that Keras would bring along, which still work."""

import subprocess
import sys

CODE = """
import sys
from models.quiet import import_tensorflow
import_tensorflow()
assert "keras" in sys.modules and "tensorflow" in sys.modules
print(sorted({"matplotlib", "sklearn", "pandas", "scipy"} & set(sys.modules)))
import matplotlib.figure
from sklearn.metrics import f1_score
import pandas, scipy.sparse
print(f1_score([1], [1]), matplotlib.figure.Figure.__name__, len(pandas.DataFrame({"a": [1]})))
"""


def test_what_keras_would_bring_along_stays_out_and_can_be_imported_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.splitlines() == ["[]", "1.0 Figure 1"]
    assert done.stderr == ""
