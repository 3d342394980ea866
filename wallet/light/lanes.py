"""What a proved account says about a lane number (docs/protocol.md, section 2)."""

from ledger.objects import DeviceKey

WINDOW = 64


def is_number_used(device: DeviceKey, number: int) -> bool | None:
    """Whether `number` was used in the lane of `device`.

    None when it lies below the window: it can never be used again, and the lane no longer says
    whether it was.
    """
    if number > device.high:
        return False
    if number == device.high:
        return True
    behind = device.high - number
    if behind > WINDOW:
        return None
    return bool(device.bitmap >> (behind - 1) & 1)
