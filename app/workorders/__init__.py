"""The problem to be fixed (工单): its life, its history, its clocks.

Owns ``work_orders``, ``timeline_events`` with their payloads, ``anchors``, ``deadlines`` and ``evidence``.
``lifecycle`` has the one table of moves; ``service.advance`` is the one place that changes a state; ``audit`` proves
that history is whole. Imports accounts and what lies below.
"""
