"""Where the system is deployed, each program is given its own role's password and no other."""

import json
import re

from tests.integration.deploy.compose import load as load_compose
from tests.integration.deploy.kubernetes import load as load_kubernetes
from tests.integration.deploy.kubernetes import pods

ROLE_AND_PASSWORD = re.compile(r"postgresql://(\w+):\$\{(\w+):")
A_PASSWORD = re.compile(r"\$\{(POSTGRES_\w*PASSWORD):")
OF_COMPOSE = {
    "logins": ("box_office", "POSTGRES_PASSWORD"),
    "migrate": ("box_office_owner", "POSTGRES_OWNER_PASSWORD"),
    "worker": ("box_office_worker", "POSTGRES_WORKER_PASSWORD"),
    "consumers": ("box_office_consumer", "POSTGRES_CONSUMER_PASSWORD"),
    "verify": ("box_office_reader", "POSTGRES_READER_PASSWORD"),
    "webhooks": ("box_office_receiver", "POSTGRES_RECEIVER_PASSWORD"),
    "cli": ("box_office_operator", "POSTGRES_OPERATOR_PASSWORD"),
}
OF_KUBERNETES = {
    "migrate": ["owner-database-url"],
    "worker": ["worker-database-url"],
    "consumers": ["consumer-database-url"],
    "verify": ["reader-database-url"],
    "webhooks": ["receiver-database-url"],
}


def test_each_service_of_the_compose_file_knows_one_password_of_the_database() -> None:
    services = load_compose()["services"]
    urls = {
        name: service["environment"]["BOX_OFFICE_DATABASE_URL"]
        for name, service in services.items()
        if "BOX_OFFICE_DATABASE_URL" in service.get("environment", {})
    }
    assert {name: _role_and_password(url) for name, url in urls.items()} == OF_COMPOSE
    for name, service in services.items():
        if name not in ("logins", "postgres"):  # which set passwords
            known = set(A_PASSWORD.findall(json.dumps(service)))
            assert known <= {OF_COMPOSE[name][1] if name in OF_COMPOSE else None}, name


def test_each_pod_knows_one_url_of_the_database() -> None:
    known = {
        pod.owner: [
            variable["valueFrom"]["secretKeyRef"]["key"]
            for variable in pod.container.get("env", [])
            if variable["name"] == "BOX_OFFICE_DATABASE_URL"
        ]
        for pod in pods(load_kubernetes())
    }
    assert {name: keys for name, keys in known.items() if keys} == OF_KUBERNETES


def _role_and_password(url: str) -> tuple[str, str]:
    found = ROLE_AND_PASSWORD.match(url)
    assert found, url
    return found[1], found[2]
