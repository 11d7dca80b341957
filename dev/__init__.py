"""Set up, run and test a checkout: what the Makefile calls as `python3 -m dev VERB`.

Standard library only, for it runs before any virtual environment exists. It owns `.venv/` and `var/`
and knows the application only by its commands and settings; nothing of it is imported by `app/`.
"""
