"""A pytest plugin: xdist gives a test that a worker did not survive to no other worker.

With `--dist loadfile` it would: the file starts again at that test, in worker after worker.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> "OnceEach | None":
    return OnceEach(config, log) if config.getvalue("dist") == "loadfile" else None


class OnceEach(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Work by files, in which a test that a worker died of counts as done."""

    def remove_node(self, node: WorkerController) -> str | None:
        """Take the node's work back; return the test that it died of."""
        for tests in self.assigned_work[node].values():
            for test, is_done in tests.items():
                if not is_done:
                    tests[test] = True
                    super().remove_node(node)
                    return str(test)
        super().remove_node(node)
        return None
