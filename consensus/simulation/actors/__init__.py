"""Members that lie, one file each. They run a real replica and bend what it sends."""

from __future__ import annotations

from consensus.simulation.actors.amnesiac import Amnesiac
from consensus.simulation.actors.censor import Censor
from consensus.simulation.actors.double_voter import DoubleVoter
from consensus.simulation.actors.equivocating_leader import EquivocatingLeader
from consensus.simulation.actors.fetch_flooder import FetchFlooder
from consensus.simulation.actors.garbage_sender import GarbageSender
from consensus.simulation.actors.impersonator import Impersonator
from consensus.simulation.actors.mislabelling_leader import MislabellingLeader
from consensus.simulation.actors.never_leaves import NeverLeaves
from consensus.simulation.actors.old_disk import OldDisk
from consensus.simulation.actors.stale_parent_leader import StaleParentLeader
from consensus.simulation.actors.sync_liar import SyncLiar
from consensus.simulation.actors.twins import Twins
from consensus.simulation.actors.withholder import Withholder
from consensus.simulation.host import Host

ACTOR_CLASSES: dict[str, type[Host]] = {
    "equivocating_leader": EquivocatingLeader,
    "double_voter": DoubleVoter,
    "stale_parent_leader": StaleParentLeader,
    "mislabelling_leader": MislabellingLeader,
    "withholder": Withholder,
    "garbage_sender": GarbageSender,
    "amnesiac": Amnesiac,
    "old_disk": OldDisk,
    "twins": Twins,
    "impersonator": Impersonator,
    "fetch_flooder": FetchFlooder,
    "sync_liar": SyncLiar,
    "censor": Censor,
    "never_leaves": NeverLeaves,
}
