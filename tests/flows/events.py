"""What must hold of the events that webhooks received."""

from local.environment import Environment


def assert_gap_free(environment: Environment) -> None:
    """Each notification's changes came in order, without one missing, each with its own id."""
    for name in ("gemeente-voorbeeld", "dienst-wegverkeer"):
        events = environment.world.receiver.events(name)
        assert len({event["id"] for event in events}) == len(events)
        by_subject: dict[str, list[int]] = {}
        for event in events:
            by_subject.setdefault(event["subject"], []).append(int(event["sequence"]))
        assert by_subject
        for versies in by_subject.values():
            assert versies == list(range(1, len(versies) + 1))
