"""The pump: the whole chain of the template in one process, on moto.

It takes queues, batch sizes, schedules and routes from the template and drives the real handlers one step at a time,
on a clock of its own, so that a test can crash, repeat, delay and reorder at will. It is no evidence for permissions.
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
