"""What every test may ask for: servers, and a version that reads dialogues."""

pytest_plugins = ["tests.services_fixtures", "tests.dialogues"]
