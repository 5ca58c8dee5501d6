from tests.integration.cli.conftest import servers
from tests.process.conftest import running, stage

__all__ = ["running", "servers", "stage"]  # fixtures
