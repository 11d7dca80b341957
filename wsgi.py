"""The WSGI entry point."""

import gc

from app import create_app

# What is imported now stays: looking for garbage meanwhile costs a fifth of the start.
gc.disable()
app = create_app()
gc.freeze()
gc.enable()
