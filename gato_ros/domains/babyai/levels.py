"""BabyAI's levels as tasks: what minigrid calls them, and how long their missions are."""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.core.spec import DiscreteSpec, StepSpec, TextSpec
from gato_ros.domains.babyai.cells import CELL_VALUES, TILES

CELLS, DIRECTION, MISSION, MOVE = "view/cells", "agent/direction", "mission/text", "move"
MOVES = ("left", "right", "forward", "pickup", "drop", "toggle", "done")


def _spec(mission: TextSpec) -> StepSpec:
    return StepSpec.of(
        {CELLS: DiscreteSpec(CELL_VALUES, TILES**2), DIRECTION: DiscreteSpec(4), MISSION: mission},
        {MOVE: DiscreteSpec(len(MOVES))},
    )


SHORT = _spec(TextSpec(size_bytes=48, tokens=9))
"""For one instruction; nine words are the most: "pick up the yellow ball in front of you"."""
LONG = _spec(TextSpec(size_bytes=256, tokens=40))
"""For several instructions, and for two places in one. 0.2 % of the missions of SynthSeq and BossLevel are longer (of
2,300): they are drawn again."""


@dataclass(frozen=True)
class Level:
    """One task."""

    name: str
    """In minigrid, without BabyAI- and its version."""
    spec: StepSpec

    @property
    def environment(self) -> str:
        """What `gymnasium.make` calls it."""
        return f"BabyAI-{self.name}-v0"


LEVELS = {
    # One room.
    "go_to_local": Level("GoToLocal", SHORT),
    "go_to_obj": Level("GoToObj", SHORT),
    "go_to_red_ball_grey": Level("GoToRedBallGrey", SHORT),
    "go_to_red_ball": Level("GoToRedBall", SHORT),
    "put_next_local": Level("PutNextLocal", SHORT),
    "pickup_loc": Level("PickupLoc", SHORT),
    # Two rooms, or four.
    "put_next_s7n4": Level("PutNextS7N4", SHORT),
    "unlock_pickup": Level("UnlockPickup", SHORT),
    "mini_boss_level": Level("MiniBossLevel", LONG),
    # Nine rooms.
    "go_to_obj_maze": Level("GoToObjMaze", SHORT),
    "go_to": Level("GoTo", SHORT),
    "pickup": Level("Pickup", SHORT),
    "unblock_pickup": Level("UnblockPickup", SHORT),
    "open": Level("Open", SHORT),
    "unlock": Level("Unlock", SHORT),
    "key_corridor": Level("KeyCorridor", SHORT),
    "go_to_imp_unlock": Level("GoToImpUnlock", SHORT),
    "synth": Level("Synth", SHORT),
    "synth_loc": Level("SynthLoc", LONG),
    "go_to_seq": Level("GoToSeq", LONG),
    "synth_seq": Level("SynthSeq", LONG),
    "boss_level": Level("BossLevel", LONG),
}
"""UnlockToUnlock is left out: on a third of its starts the bot plans for ever."""
HELD_OUT = {
    "pickup_dist": Level("PickupDist", SHORT),
    "action_obj_door": Level("ActionObjDoor", SHORT),
    "find_obj_s5": Level("FindObjS5", SHORT),
}
"""No part of "all", and of no mixture: tasks to fine-tune on. In one room, in one with four doors, in nine."""
