from tests.integration.cli.conftest import servers
from tests.workflow.conftest import running, stage

__all__ = ["running", "servers", "stage"]  # fixtures
