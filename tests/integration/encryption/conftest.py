from tests.integration.cli.conftest import servers
from tests.process.conftest import provider_url, running, stage

__all__ = ["provider_url", "running", "servers", "stage"]  # fixtures
