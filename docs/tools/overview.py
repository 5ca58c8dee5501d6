"""The picture of the whole system, for the README and the architecture."""

from docs.tools.diagrams import Arrow, picture

CLIENT, STARTER, VIEWS = "client\nCLI, starter.py, Web UI", "process starter", "schema views"
TEMPORAL, HANDLER, LOG = "Temporal", "command handler", "the log\nschema es"
WORKFLOWS, ACTIVITIES = "workflows\nbooking.py, payment.py", "activities"
SEATS, INVENTORY = "reservation service", "schema reservations"

GRID = {
    CLIENT: (0, 0),
    TEMPORAL: (1, 0),
    WORKFLOWS: (2, 0),
    STARTER: (0, 1),
    HANDLER: (1, 1),
    ACTIVITIES: (2, 1),
    SEATS: (3, 1),
    VIEWS: (0, 2),
    LOG: (1, 2),
    INVENTORY: (3, 2),
}
ARROWS = (
    Arrow(CLIENT, TEMPORAL, ["update-with-start"]),
    Arrow(TEMPORAL, WORKFLOWS),
    Arrow(WORKFLOWS, ACTIVITIES, ["one step each"]),
    Arrow(ACTIVITIES, HANDLER, ["command"]),
    Arrow(ACTIVITIES, SEATS, ["reserve, release"]),
    Arrow(HANDLER, LOG, ["load, decide, append"]),
    Arrow(SEATS, INVENTORY),
    Arrow(LOG, VIEWS, ["consumers"]),
    Arrow(LOG, STARTER, ["consumer"]),
    Arrow(STARTER, TEMPORAL),
)


def svg() -> str:
    """Return docs/reference/overview.svg."""
    return picture("How a booking goes through the system", GRID, ARROWS)
