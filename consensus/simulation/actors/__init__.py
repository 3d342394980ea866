"""Members that lie, one file each. They run a real replica and bend what it sends."""

from __future__ import annotations

from consensus.simulation.actors.amnesiac import Amnesiac
from consensus.simulation.actors.double_voter import DoubleVoter
from consensus.simulation.actors.equivocating_leader import EquivocatingLeader
from consensus.simulation.actors.fetch_flooder import FetchFlooder
from consensus.simulation.actors.garbage_sender import GarbageSender
from consensus.simulation.actors.impersonator import Impersonator
from consensus.simulation.actors.stale_parent_leader import StaleParentLeader
from consensus.simulation.actors.withholder import Withholder
from consensus.simulation.host import Host

ACTOR_CLASSES: dict[str, type[Host]] = {
    "equivocating_leader": EquivocatingLeader,
    "double_voter": DoubleVoter,
    "stale_parent_leader": StaleParentLeader,
    "withholder": Withholder,
    "garbage_sender": GarbageSender,
    "amnesiac": Amnesiac,
    "impersonator": Impersonator,
    "fetch_flooder": FetchFlooder,
}
