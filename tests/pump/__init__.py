"""The pump: the whole chain of the template in one process, on moto.

It takes queues, batch sizes, schedules and routes from the template and drives the real handlers one step at a time,
on a clock of its own, so that a test can crash, repeat, delay and reorder at will. It is no evidence for permissions.

    with Pump(parameters, order=Order.by_chance(random.Random(7))) as pump:
        pump.on_call.append(hook)  # sees each AWS call of a function before and after; may raise Crash
        response = pump.call("POST", "/v1/notificaties", {...}, token=token)
        pump.run_until(lambda: pump.scan("PogingenTable"), limit_seconds=60)
        assert pump.failures == [] and pump.dead_letters() == {}
"""

from tests.pump.calls import Call, Crash, TimedOut
from tests.pump.functions import Failure
from tests.pump.gateway import Response
from tests.pump.pump import Delivery, NotAtRest, NotReached, Order, Pump
from tests.pump.queues import Message

__all__ = [
    "Call",
    "Crash",
    "Delivery",
    "Failure",
    "Message",
    "NotAtRest",
    "NotReached",
    "Order",
    "Pump",
    "Response",
    "TimedOut",
]
