"""Telling people: who wants to hear of a work order, what is said to them, and whether it arrived.

Owns ``subscriptions``, ``deliveries`` and ``delivery_attempts``, the templates, the channels, and the keys under which
contacts are kept and tracking links are made. The timeline of workorders is the outbox: each public event asks for
``notify.fan_out`` in its own transaction. Imports workorders and what lies below; reports, which lie above, are known
here only by their ids.
"""
