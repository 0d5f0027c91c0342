"""A benchmark runs from its command to its result, on services that the settings name."""

import json
import os
import subprocess
import sys
from pathlib import Path

from schemas.settings import variable_of


def test_the_pipeline_is_measured_without_a_model(
    kafka_bootstrap: str, redis_url: str, postgres_url: str, tmp_path: Path
) -> None:
    services = {
        "kafka.bootstrap_servers": kafka_bootstrap,
        "kafka.group_id": "benchmark",
        "redis.url": redis_url,
        "database.url": postgres_url,
    }
    environ = {variable_of(path): value for path, value in services.items()}
    command = [sys.executable, "-m", "benchmarks.pipeline", "--texts", "3000", "--no-profile"]
    with subprocess.Popen(
        [*command, "--json", "--out", str(tmp_path)],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as benchmark:
        try:
            said, errors = benchmark.communicate(timeout=280)
        finally:
            benchmark.terminate()  # one that hangs ends what it started
    assert benchmark.returncode == 0, errors
    found = json.loads(said)
    assert found["texts"] == 3000
    assert found["textmill"] > 0
    # Whatever the machine does besides, no text is answered for nothing or for a millisecond.
    assert 100 < found["texts_per_core_s"] < 1_000_000
    assert set(found["cpu_us_a_text"]) == {"producer", "worker", "dispatcher"}
    assert (tmp_path / "pipeline.png").stat().st_size > 1000
    assert json.loads((tmp_path / "pipeline.json").read_text()) == found
