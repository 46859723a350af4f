from tests.evidence.coverage_by_room import by_room, room_of, table


def report(**files):
    return {
        "files": {
            path: {"summary": {"num_statements": lines, "covered_lines": executed}}
            for path, (lines, executed) in files.items()
        }
    }


def test_a_room_is_the_folder_below_the_package():
    paths = ("gato_ros/core/guard/guard.py", "gato_ros/api.py", "models/serving/policy.py", "sim/env.py")
    assert [room_of(path) for path in paths] == ["core", "gato_ros", "models", "sim"]


def test_files_of_a_room_add_up_and_all_to_the_total():
    rooms = by_room(report(**{"gato_ros/core/a.py": (10, 9), "gato_ros/core/b/c.py": (30, 21), "sim/env.py": (60, 30)}))
    assert rooms == {"core": (40, 30), "sim": (60, 30), "total": (100, 60)}
    assert [line.split()[-2] for line in table(rooms).splitlines()[1:]] == ["75.0", "50.0", "60.0"]


def test_a_room_without_a_line_of_code_is_no_division_by_zero():
    assert "0.0 %" in table(by_room(report(**{"sim/__init__.py": (0, 0)})))
