"""Settings of the property tests: nothing is kept on disk, and a slow machine fails no test."""

from hypothesis import HealthCheck, settings

eigenschap = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
