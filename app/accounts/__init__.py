"""Staff: who they are, which role they have, which units and areas they act for, and their tokens.

Owns ``staff`` and ``tokens``. Scope fails closed: a person without an area sees nothing. Imports what lies below.
"""
