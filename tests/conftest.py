"""What every test may ask for; the servers' fixtures are in `services_fixtures`."""

pytest_plugins = ["tests.services_fixtures"]
