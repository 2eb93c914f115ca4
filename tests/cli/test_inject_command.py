import pytest
from astropy.table import Table
from click.testing import CliRunner

from museml.cli import main
from museml.simulation.cubes import simulate_cube


@pytest.fixture(scope="module")
def cube_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cubes") / "field.fits"
    simulate_cube((200, 24, 24), seed=1, n_lines=0, n_galaxies=0, n_continuum=0)[0].write(str(path))
    return path


def test_inject_tells_what_part_of_the_lines_is_found(cube_file, tmp_path):
    words = ["inject", cube_file, "-o", tmp_path / "out", "-n", 24, "--snr", 9, 12, "--detector", "lines"]
    result = CliRunner().invoke(main, [*map(str, words), "--set", "detector.block=60"])
    assert result.exit_code == 0, result.output
    objects = Table.read(tmp_path / "out" / "injected.fits")
    assert objects["recovered"].mean() > 0.8
    assert f"{objects['recovered'].sum()} of {len(objects)} objects were found" in result.output
    assert "completeness" in result.output


def test_inject_refuses_in_one_line(cube_file, tmp_path):
    words = ["inject", cube_file, "-o", tmp_path / "out", "--snr", 3, 9, "--flux", 10, 100]
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == 1
    assert result.stderr == (
        "museml: error: the brightness is given as S/N or as flux, not both; leave out one of snr and flux\n"
    )
