"""Sample customers of a number that was just connected."""

from simulator.standin.state.world import Customer, Number

SAMPLES = (
    ("Ana Beatriz Teles", "556195550186", "BR.1000000000000001", None),
    ("Marina Lopes 🌻", "5511955550142", "BR.1000000000000002", None),
    ("Ximena Ortega", "5215555550173", "MX.1000000000000003", None),
    ("Rafa", None, "BR.1000000000000004", "rafa.moura"),
    ("Bruno Sales", "556195550164", "BR.1000000000000006", None),
    ("Camila Duarte", "554195550137", "BR.1000000000000007", None),
    ("Lívia Prado", "553195550128", "BR.1000000000000005", "livia.prado"),
)
"""Brazil without and with the ninth digit, Mexico with the old trunk digit 1, one person who shares no phone, and one with phone
and username."""


def missing_samples(number: Number) -> list[Customer]:
    """Returns the sample customers whom the number does not have yet."""
    people = [
        Customer(number.phone_number_id, name=name, wa_id=wa_id, user_id=user_id, username=username)
        for name, wa_id, user_id, username in SAMPLES
    ]
    return [each for each in people if each.key not in number.customers and each.user_id not in number.people]
