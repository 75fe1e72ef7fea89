"""What the OMC notes in its agenda: the ``soort`` of a moment, and what its ``over`` and ``extra`` are."""

#: Over a notification: is it on its way?
BEWAKING = "bewaking"
#: Over a notification, extra = attempt number: start that attempt.
ROUTERING = "routering"
#: Over a notification: delivered becomes definitively delivered.
DEFINITIEF = "definitief"
#: Over an OIN: try the webhook again.
WEBHOOK = "webhook"
