"""What a check says of what it sees: it holds, it does not, or this machine lacks what it takes to tell."""


class Skip(Exception):
    """The machine lacks what the check needs."""


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"'{part}' is not in:\n{text}")


def need(found, what):
    if not found:
        raise Skip(f"this machine lacks {what}")
    return found


def equal(seen, expected, what):
    if seen != expected:
        raise AssertionError(f"{what}: {seen}, expected {expected}")
