from benchmarks.compare.coordination import changes, code_lines, coordination

SOURCE = '''"""A docstring
of two lines."""

# a comment
import os  # counts


def function() -> str:
    """Does not count."""
    return """a text
    of two lines"""
'''


def test_lines_with_code_count_and_no_others() -> None:
    assert code_lines(SOURCE) == 4


def test_both_sides_have_processes_and_places() -> None:
    counted = coordination()
    for side in ("orchestrated", "choreographed"):
        figures = counted[side]
        assert isinstance(figures, dict)
        assert all(part["lines"] > 0 for part in figures["parts"])
        assert sum(figures["places"].values()) > 0


def test_what_plugs_the_worker_in_counts_as_it_is_written() -> None:
    plugs = coordination()["orchestrated"]["parts"][2]  # type: ignore[index]  # JSON
    assert plugs["lines"] > 30


def test_a_change_has_files_and_lines() -> None:
    reminder = changes()["reminder-orchestrated"]
    assert reminder["files"] == ["workflows/booking.py"]
    assert (reminder["added"], reminder["removed"]) == (11, 0)
