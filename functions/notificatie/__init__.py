"""Notificatie Service (postbode): delivers a message by one channel and keeps nothing but that it did."""
