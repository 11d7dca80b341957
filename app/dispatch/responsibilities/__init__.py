"""The responsibility list (职责清单): propose a change, replay past work orders against it, publish it.

One verb a file. A published change is a new version of the lists, made under the same lock as a load of the city pack;
``app.catalogue.rulings`` says why only rules of rulings are closed.
"""

from app.dispatch.responsibilities.propose import propose
from app.dispatch.responsibilities.publish import publish, publish_rule
from app.dispatch.responsibilities.queries import list_proposals, list_versions, show_proposal
from app.dispatch.responsibilities.replay import Replay, replay
from app.dispatch.responsibilities.rules import NewRule

__all__ = [
    "NewRule",
    "Replay",
    "list_proposals",
    "list_versions",
    "propose",
    "publish",
    "publish_rule",
    "replay",
    "show_proposal",
]
