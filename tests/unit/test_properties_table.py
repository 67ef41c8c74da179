"""The property table: tags are found where they stand, and what is not shown is a fault."""

from types import SimpleNamespace

import pytest

from tests.properties import table
from tests.properties.table import Result, Row, Tagged

TAG = "Feature: production-deployment-system, Property"
PYTHON = f'''
import pytest

# {TAG} 2: Port configuration
@pytest.mark.parametrize("n", [1])
def test_above(n):
    pass

def test_inside():
    """Something.

    {TAG} 20x: Image transfer verification
    """

class TestGroup:
    def test_method(self):
        # {TAG} 9: Socket file creation
        pass
'''
BATS = f"""
# {TAG} 18: OS detection
@test "one of them" {{
  true
}}

@test 'another' {{
  # {TAG} 19: Package manager selection
  true
}}
"""


def test_tags_in_python_belong_to_the_test_they_stand_in_or_above() -> None:
    assert [(tagged.row, tagged.test) for tagged in table.tags_in(PYTHON, "tests/test_x.py")] == [
        ("2", "test_above"),
        ("20x", "test_inside"),
        ("9", "TestGroup::test_method"),
    ]


def test_tags_in_bats_belong_to_the_test_they_stand_in_or_above() -> None:
    assert list(table.tags_in(BATS, "tests/shell/os.bats")) == [
        Tagged("18", "OS detection", "tests/shell/os.bats", "one of them"),
        Tagged("19", "Package manager selection", "tests/shell/os.bats", "another"),
    ]


def test_table_has_the_43_rows_in_order() -> None:
    ids = [row.id for row in table.rows()]
    assert len(ids) == len(set(ids)) == 43
    assert ids[:3] == ["1", "2", "3"]
    assert {"20", "20x", "21", "21x", "21a", "21e", "22", "22x", "35"} <= set(ids)


@pytest.fixture
def only_row_9(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> list[Tagged]:
    tests: list[Tagged] = []
    monkeypatch.setattr(table, "rows", lambda: [Row("9", "Socket file creation", "", "", due=True)])
    monkeypatch.setattr(table, "tagged_tests", lambda: tests)
    monkeypatch.setattr(table, "RESULTS", tmp_path_factory.mktemp("deploy") / "properties.json")
    return tests


def report(node: str, *, examples: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(nodeid=node, user_properties=[] if examples is None else [("examples", examples)])


def test_due_row_without_a_test_is_a_fault(only_row_9: list[Tagged]) -> None:
    assert table.faults() == ["property 9 (Socket file creation): no test carries its tag"]


def test_passed_test_is_no_fault_and_shows_its_examples(only_row_9: list[Tagged]) -> None:
    only_row_9.append(Tagged("9", "Socket file creation", "tests/t.py", "test_socket"))
    assert "not run here yet" in table.render()
    table.remember(
        {
            "passed": [
                report("tests/t.py::test_socket[a]", examples=60),
                report("tests/t.py::test_socket[b]", examples=40),
            ]
        }
    )
    assert table.faults() == []
    assert "passed, 100 examples" in table.render()


@pytest.mark.parametrize("outcome", ["skipped", "failed", "error"])
def test_test_that_did_not_pass_is_a_fault(only_row_9: list[Tagged], outcome: str) -> None:
    only_row_9.append(Tagged("9", "Socket file creation", "tests/t.py", "test_socket"))
    table.remember({"passed": [report("tests/t.py::test_socket[a]")], outcome: [report("tests/t.py::test_socket[b]")]})
    assert len(table.faults()) == 1


def test_tag_with_another_name_or_an_unknown_id_is_a_fault(only_row_9: list[Tagged]) -> None:
    only_row_9 += [Tagged("9", "Something else", "tests/t.py", "test_a"), Tagged("99", "X", "tests/t.py", "test_b")]
    assert len(table.faults()) == 2


def test_bats_report_is_remembered(only_row_9: list[Tagged]) -> None:
    names = ("good", "bad", "left out")
    only_row_9 += [Tagged("9", "Socket file creation", "tests/shell/a.bats", name) for name in names]
    table.remember_bats(
        "1..3\nok 1 good in 3ms\nnot ok 2 bad in 4ms\n# it broke\nok 3 left out in 0ms # skip no dash\n",
        "tests/shell/a.bats",
    )
    stored = table.results()
    assert [stored[f"tests/shell/a.bats::{name}"] for name in names] == [
        Result("passed"),
        Result("failed"),
        Result("skipped"),
    ]
