"""Which person of `contacts[]` sent a message, however many there are."""

from hypothesis import given
from hypothesis import strategies as st

from cloud_api.payloads.fields import People
from cloud_api.payloads.items import Person
from cloud_api.wa_ids import same_person_key

PHONES = [None, "556181500586", "5561981500586", "5511973310042"]
PERSONS = st.builds(Person, wa_id=st.sampled_from(PHONES), bsuid=st.sampled_from([None, "BR.1", "BR.2", "BR.3"]))


def first_match(known: list[Person], sender: Person) -> Person | None:
    """What a look at one after the other finds."""
    by_id = [each for each in known if sender.bsuid and each.bsuid == sender.bsuid]
    by_phone = [each for each in known if sender.wa_id and each.wa_id == sender.wa_id]
    alike = [each for each in known if is_alike(each, sender)]
    return next(iter(by_id + by_phone + alike), None)


def is_alike(known: Person, sender: Person) -> bool:
    if not (known.wa_id and sender.wa_id) or (known.bsuid and sender.bsuid and known.bsuid != sender.bsuid):
        return False
    return same_person_key(known.wa_id) == same_person_key(sender.wa_id)


@given(known=st.lists(PERSONS, max_size=6), sender=PERSONS)
def test_a_look_up_finds_what_a_look_at_each_would_find(known: list[Person], sender: Person) -> None:
    assert People(known).find(sender) == first_match(known, sender)
