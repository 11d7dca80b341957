"""Staff: who they are, which role they have, which units and areas they act for, how they sign in, and their tokens.

Owns ``staff`` and ``tokens``. Scope fails closed: a person without an area or a unit sees nothing. ``passwords``,
``totp`` and ``sso`` are the three proofs of who somebody is. Imports what lies below.
"""
