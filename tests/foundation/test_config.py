from pathlib import Path

import pytest

from workbench.foundation.config import load_config, parse_config
from workbench.foundation.errors import NotFoundError, UsageError

PATH = Path("workbench.toml")


def refuse(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse_config(text, PATH)
    return caught.value


def test_reads_every_section() -> None:
    config = parse_config(
        '[project]\nname = "p"\n[targets.gpu]\nkind = "ssh"\nhost = "gpu"\n[monitor]\nwindow_rows = 7\n', PATH
    )
    assert config.project.name == "p"
    assert config.targets["gpu"].options == {"host": "gpu"}
    assert config.monitor.window_rows == 7


def test_unknown_key_names_file_line_and_nearest_key() -> None:
    error = refuse('[project]\nname = "p"\n\n[monitor]\n# a comment\nwindow_row = 7\n')
    assert error.code == "config-unknown-key"
    assert "workbench.toml:6" in error.message
    assert error.hint == "did you mean 'window_rows'?"


def test_unknown_section_is_named_with_its_line() -> None:
    error = refuse('[project]\nname = "p"\n[monitr]\nwindow_rows = 7\n')
    assert (error.code, error.hint) == ("config-unknown-key", "did you mean 'monitor'?")
    assert "workbench.toml:3" in error.message


@pytest.mark.parametrize(
    ("line", "words"),
    [('window_rows = "many"', "a whole number, not a string"), ("window_rows = true", "a whole number, not true")],
)
def test_wrong_type_says_what_was_wanted(line: str, words: str) -> None:
    error = refuse(f'[project]\nname = "p"\n[monitor]\n{line}\n')
    assert error.code == "config-wrong-type"
    assert words in error.message
    assert "workbench.toml:4" in error.message


def test_whole_number_is_accepted_for_a_number() -> None:
    config = parse_config('[project]\nname = "p"\n[monitor]\nfalse_discovery_rate = 1\n', PATH)
    assert config.monitor.false_discovery_rate == 1.0


def test_missing_name_is_said() -> None:
    assert refuse("[project]\n").code == "config-missing-key"


def test_target_without_kind_is_said() -> None:
    error = refuse('[project]\nname = "p"\n[targets.gpu]\nhost = "gpu"\n')
    assert error.code == "config-missing-key"
    assert "workbench.toml:3" in error.message


def test_broken_syntax_keeps_the_line() -> None:
    error = refuse("[project]\nname = p\n")
    assert error.code == "config-syntax"
    assert "line 2" in error.message


def test_not_utf8_is_said(tmp_path: Path) -> None:
    path = tmp_path / "workbench.toml"
    path.write_bytes('[project]\nname = "日本"\n'.encode("cp932"))
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert caught.value.code == "config-syntax"


def test_the_mark_that_editors_of_windows_write_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text('[project]\nname = "p"\n', encoding="utf-8-sig")
    assert load_config(tmp_path / "workbench.toml").project.name == "p"


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="config-missing"):
        load_config(tmp_path / "workbench.toml")
