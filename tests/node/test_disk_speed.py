"""Most of the last writes say whether the loop may write, and one that stalls says no at once."""

from node.disk_speed import QUICK_SECONDS, STALLED_SECONDS, WRITES_REMEMBERED, DiskSpeed

HALF = WRITES_REMEMBERED // 2


def disk_of(*seconds: float) -> DiskSpeed:
    disk = DiskSpeed()
    for each in seconds:
        disk.note(each)
    return disk


def test_nothing_is_quick_before_it_was_seen_to_be() -> None:
    assert not disk_of().is_quick
    assert not disk_of(*[QUICK_SECONDS] * HALF).is_quick
    assert disk_of(*[QUICK_SECONDS] * (HALF + 1)).is_quick


def test_a_busy_machine_sees_some_syncs_late() -> None:
    quick, late = QUICK_SECONDS, 3 * QUICK_SECONDS
    assert disk_of(*[quick, quick, late] * WRITES_REMEMBERED).is_quick
    assert not disk_of(*[quick, late, late] * WRITES_REMEMBERED).is_quick


def test_a_disk_that_became_slow_has_a_thread() -> None:
    disk = disk_of(*[QUICK_SECONDS] * WRITES_REMEMBERED)
    for _ in range(HALF):
        assert disk.is_quick
        disk.note(2 * QUICK_SECONDS)
    assert not disk.is_quick


def test_one_that_stalls_is_not_tried_again_before_it_was_quick_for_a_while() -> None:
    disk = disk_of(*[QUICK_SECONDS] * WRITES_REMEMBERED, 2 * STALLED_SECONDS)
    for _ in range(HALF + 1):
        assert not disk.is_quick
        disk.note(QUICK_SECONDS)
    assert disk.is_quick
