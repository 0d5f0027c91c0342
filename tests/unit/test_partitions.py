"""Records by partition: in their order, and those of one key together."""

from producers.partitions import by_partition


def test_records_of_one_key_stay_together_and_in_order() -> None:
    records = [(f"job-{number % 7}", f"{number}".encode()) for number in range(100)]

    found = by_partition(records, 4)

    assert set(found) <= set(range(4))
    assert sorted(value for pairs in found.values() for _, value in pairs) == sorted(
        value for _, value in records
    )
    for pairs in found.values():
        numbers = [int(value) for _, value in pairs]
        assert numbers == sorted(numbers)
    keys = [{key for key, _ in pairs} for pairs in found.values()]
    assert sum(map(len, keys)) == 7


def test_a_key_has_the_partition_of_its_checksum() -> None:
    assert list(by_partition([("123456789", b"")], 1000)) == [0xCBF43926 % 1000]
