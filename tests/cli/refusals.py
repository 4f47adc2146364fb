"""How a refusal looks, whatever is refused: one line, and its exit status."""


def of_a_call(result, code, *words):
    """One line on stderr with these words, nothing on stdout; of a Click runner's result."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("gscli: error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def of_a_process(result, code, *words):
    """One line on stderr with these words; of a process."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.decode().strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gscli: error: ")
    for word in words:
        assert word in lines[0]
