import json
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner

import museml
from museml.cli import main
from museml.errors import MusemlWarning
from museml.simulation.cubes import simulate_cube

QUICK = ["--detector", "lines", "--classifier", "lines", "--no-plots"]
LINES = ["--classifier", "lines"]


@pytest.fixture(scope="module")
def cube_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cubes") / "field.fits"
    simulate_cube((300, 20, 20), seed=1, n_lines=2, n_galaxies=0, n_continuum=0, snr=(15, 30))[0].write(str(path))
    return path


@pytest.fixture
def shell():
    """Return a function that runs museml with arguments and gives the result."""

    def run(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


def assert_one_line(result, code=1):
    """The command ended with a code, and with one line on stderr that is no traceback."""
    assert result.exit_code == code, result.output
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def modules_after(*arguments):
    """Return the heavy modules that a command imports, and its time in seconds."""
    code = "import sys; from museml.cli import main; main(sys.argv[1:], standalone_mode=False); "
    code += "print('\\n' + ' '.join({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split("\n")[-2].split()), time.perf_counter() - start


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"]])
def test_plugins_are_listed_without_importing_them(arguments):
    modules, seconds = modules_after(*arguments)
    assert not modules & {"mpdaf", "keras", "tensorflow", "photutils", "specutils", "matplotlib"}
    assert seconds < 10  # 0.2 s on an idle machine


def test_help_is_light(tmp_path):
    code = "import sys; from museml.cli import main\ntry: main(['--help'])\n"
    code += (
        "except SystemExit: sys.exit(any(m in sys.modules for m in ('mpdaf', 'keras', 'tensorflow', 'astropy.table')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_help_lists_the_commands_of_the_registry(shell):
    result = shell("--help")
    assert result.exit_code == 0
    for name in ("run", "detect", "classify", "demo", "plugins", "models"):
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("command", ["run", "detect", "classify", "demo", "plugins"])
def test_every_command_explains_itself(shell, command):
    result = shell(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_version(shell):
    assert museml.__version__ in shell("--version").stdout


def test_plugins_tell_name_kind_package_version_and_state(shell):
    rows = json.loads(shell("plugins", "--json").stdout)
    lines = next(row for row in rows if row["name"] == "lines" and row["kind"] == "detector")
    assert lines == {
        "name": "lines", "kind": "detector", "accepts": ["cube"], "package": "museml",
        "version": museml.__version__, "state": "ok", "reason": "",
    }  # fmt: skip
    assert "lines" in shell("plugins").stdout


def test_a_broken_plugin_is_listed_with_its_reason(shell, monkeypatch):
    from museml import builtins
    from museml.plugins import Plugins

    found = Plugins()
    found.load("builtins", "museml", "1", lambda: builtins)
    with pytest.warns(MusemlWarning, match="failed"):
        found.load("broken", "broken-package", "2.0", lambda: 1 / 0)
    monkeypatch.setattr("museml.cli.plugins.load_plugins", lambda: found)
    result = shell("plugins")
    assert result.exit_code == 0
    assert "broken-package  2.0" in result.stdout
    assert "ZeroDivisionError" in result.stdout
    row = json.loads(shell("plugins", "--json").stdout)[-1]
    assert (row["kind"], row["state"]) == ("plugin", "failed")


def test_a_target_that_is_not_there_is_found_by_the_check(shell, monkeypatch):
    from museml.plugins import Plugins

    found, module = Plugins(), types.ModuleType("empty")
    module.museml_detectors = museml.hookimpl(lambda: [museml.Spec("empty", "museml.nothing:Nothing", ("cube",))])
    found.load("empty", "empty-package", "2.0", lambda: module)
    monkeypatch.setattr("museml.cli.plugins.load_plugins", lambda: found)
    (row,) = json.loads(shell("plugins", "--json").stdout)
    assert row["state"] == "ok"
    (row,) = json.loads(shell("plugins", "--check", "--json").stdout)
    assert row["state"] == "failed"
    assert "of package 'empty-package' cannot be loaded from 'museml.nothing:Nothing'" in row["reason"]


def test_what_museml_registers_is_there(shell):
    assert {row["state"] for row in json.loads(shell("plugins", "--check", "--json").stdout)} == {"ok"}


def test_run_writes_the_folder_and_prints_the_catalogue(shell, cube_file, tmp_path):
    result = shell("run", cube_file, "-o", tmp_path / "out", *QUICK)
    assert result.exit_code == 0, result.output
    assert f"2 sources; the files are in {tmp_path / 'out'}" in result.stdout
    assert len(Table.read(tmp_path / "out" / "catalog.fits")) == 2
    again = shell("run", cube_file, "-o", tmp_path / "out", *QUICK)
    assert_one_line(again)
    assert "holds a run already; resume it (--resume)" in again.stderr
    assert shell("run", cube_file, "-o", tmp_path / "out", "--resume", *QUICK).stdout == result.stdout


@pytest.mark.filterwarnings("always:cube")
def test_run_of_several_cubes_reports_the_bad_one(shell, cube_file, tmp_path):
    (tmp_path / "bad.fits").write_text("not FITS")
    result = shell("run", cube_file, tmp_path / "bad.fits", "-o", tmp_path / "out", *QUICK)
    assert_one_line(result)
    assert "museml: warning: cube 'bad' failed, the others go on: " in result.stderr
    assert "1 of 2 cubes are complete" in result.stdout
    assert [line.split()[:4] for line in result.stdout.splitlines()[1:3]] == [
        ["field", "complete", "2", "2"], ["bad", "failed", "-", "-"],
    ]  # fmt: skip
    assert (tmp_path / "out" / "field" / "catalog.fits").exists()


def test_cubes_are_listed_in_a_file(shell, cube_file, tmp_path):
    (tmp_path / "list.txt").write_text(f"{cube_file}\n\n")
    result = shell("run", f"@{tmp_path / 'list.txt'}", "-o", tmp_path / "out", *QUICK)
    assert result.exit_code == 0, result.output
    assert "1 of 1 cubes are complete" in result.stdout
    assert_one_line(shell("run", f"@{tmp_path / 'no.txt'}", "-o", tmp_path / "out", *QUICK))


def test_settings_come_from_a_file_and_the_command_line(shell, cube_file, tmp_path):
    config = tmp_path / "museml.toml"
    config.write_text('[detector]\nname = "lines"\nthreshold = 7.0\nwidths = [2.0]\n[classifier]\nname = "lines"\n')
    arguments = ["--config", config, "--set", "detector.threshold=9", "--no-plots"]
    result = shell("run", cube_file, "-o", tmp_path / "out", *arguments)
    assert result.exit_code == 0, result.output
    recipe = json.loads((tmp_path / "out" / "provenance.json").read_text())["recipe"]
    assert recipe["detector"]["settings"]["threshold"] == 9
    assert recipe["detector"]["settings"]["widths"] == [2.0]


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot"])
@pytest.mark.filterwarnings("ignore:The unit .* has been deprecated")
def test_detect_writes_each_format(shell, cube_file, tmp_path, suffix):
    out = tmp_path / f"detections{suffix}"
    result = shell("detect", cube_file, "-o", out, "--detector", "lines", "--set", "threshold=6")
    assert result.exit_code == 0, result.output
    assert f"2 detections in {out}" in result.stdout
    assert len(Table.read(out)) == 2


def test_detect_in_several_cubes(shell, cube_file, tmp_path):
    other = tmp_path / "other.fits"
    other.write_bytes(cube_file.read_bytes())
    result = shell("detect", cube_file, other, "-o", tmp_path / "out", "--detector", "lines")
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path / "out")) == ["field-detections.fits", "other-detections.fits"]


@pytest.mark.filterwarnings("always:.*failed")
def test_detect_goes_on_after_a_bad_cube(shell, cube_file, tmp_path):
    (tmp_path / "bad.fits").write_text("not FITS")
    result = shell("detect", tmp_path / "bad.fits", cube_file, "-o", tmp_path / "out", "--detector", "lines")
    assert_one_line(result)
    assert "bad.fits' failed, the others go on: " in result.stderr
    assert os.listdir(tmp_path / "out") == ["field-detections.fits"]


def test_classify_the_sources_of_a_run(shell, cube_file, tmp_path):
    shell("run", cube_file, "-o", tmp_path / "out", *QUICK)
    files = sorted((tmp_path / "out" / "sources").iterdir())
    result = shell("classify", *files, "-o", tmp_path / "z.ecsv", *LINES)
    assert result.exit_code == 0, result.output
    assert "source-00001" in result.stdout
    table = Table.read(tmp_path / "z.ecsv")
    assert list(table["id"]) == ["source-00001", "source-00002"]
    assert shell("classify", tmp_path / "out", *LINES).stdout == shell("classify", *files, *LINES).stdout
    catalog = Table.read(tmp_path / "out" / "catalog.fits")
    assert np.allclose(np.ma.filled(table["z"], -1), np.ma.filled(catalog["z"], -1))


def test_classify_prints_the_first_rows_of_many(shell, cube_file, tmp_path, monkeypatch):
    from mpdaf.obj import Cube

    monkeypatch.setattr("museml.cli.classify.PRINTED", 3)
    cube, folder = Cube(str(cube_file)), tmp_path / "spectra"
    folder.mkdir()
    for i in range(5):
        cube[:, 5, 4 + i].write(str(folder / f"spaxel-{i}.fits"))
    result = shell("classify", folder, "-o", tmp_path / "z.fits", "--pz", *LINES)
    assert result.exit_code == 0, result.output
    assert "spaxel-2" in result.stdout
    assert "spaxel-3" not in result.stdout
    assert f"... and 2 more\n5 rows in {tmp_path / 'z.fits'}: " in result.stdout
    assert Table.read(tmp_path / "z.fits")["pz"].shape[0] == 5


def changed(hdus, path, data=None, **cards):
    """Write a cube with other header cards, or cut to other data, and return its name."""
    parts = [fits.PrimaryHDU()]
    for name in ("DATA", "STAT"):
        values = hdus[name].data if data is None else data
        header = hdus[name].header.copy()
        header.update(cards)
        parts.append(fits.ImageHDU(values, header, name=name))
    fits.HDUList(parts).writeto(path)
    return path.name


def bad_cubes(folder, good):
    """Write files that are no usable cubes and yield name and what the error says."""
    with fits.open(good) as hdus:
        (folder / "text.fits").write_text("not FITS")
        yield "text.fits", "must be a FITS file"
        (folder / "short.fits").write_bytes(good.read_bytes()[:-20000])
        yield "short.fits", "is truncated"
        hdus[1:2].__class__([hdus[0], hdus[1]]).writeto(folder / "nostat.fits")
        yield "nostat.fits", "must have variances"
        yield "missing.fits", "must be an existing file"
        yield changed(hdus, folder / "pixel.fits", data=hdus[1].data[:, :1, :1]), "at least 2 wavelengths and 2 spaxels"
        yield changed(hdus, folder / "medium.fits", CTYPE3="LINEAR"), "must say its medium"
        yield changed(hdus, folder / "unit.fits", CUNIT3="Hz"), "must have a unit of length"
        yield changed(hdus, folder / "wcs.fits", CTYPE1="LINEAR", CTYPE2="LINEAR"), "must have celestial coordinates"
        hdus[1].data[:] = np.nan
        hdus.writeto(folder / "nan.fits")
        yield "nan.fits", "must have valid voxels"


@pytest.mark.parametrize("command", ["run", "detect"])
def test_bad_cubes_end_in_one_line(shell, cube_file, tmp_path, command):
    out = {"run": tmp_path / "out", "detect": tmp_path / "out.fits"}[command]
    for name, text in bad_cubes(tmp_path, cube_file):
        result = shell(command, tmp_path / name, "-o", out)
        assert_one_line(result)
        assert text in result.stderr
        assert result.stderr.startswith("museml: error: ")
        assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "{cube}", "-o", "{out}", "--detector", "jiont"], "did you mean 'joint'?"),
        (["run", "{cube}", "-o", "{out}", "--classifier", "no"], "no classifier named 'no'; known: "),
        (["run", "{cube}", "-o", "{out}", "--set", "detector.no=1"], "has no setting 'no'; known"),
        (["run", "{cube}", "-o", "{out}", "--set", "no=1"], "--set needs detector.KEY=VALUE"),
        (["run", "{cube}", "-o", "{out}", "--set", "no"], "--set needs KEY=VALUE, not 'no'"),
        (["run", "{cube}", "-o", "{out}", "--config", "no.toml"], "--config must name a TOML file"),
        (["run", "{cube}", "-o", "{cube}"], "must be a folder"),
        (["run", "{cube}", "-o", "{cube}/out"], "a part of the path is a file"),
        (["run", "{cube}", "-o", "{out}", "--jobs", "0"], "jobs must be a whole number"),
        (["run", "{cube}", "-o", "{out}", "--jobs", "2", "--scheduler", "tcp://a:1"], "choose one of them"),
        (["run", "{cube}", "-o", "{out}", "--scheduler", "no.json"], "an existing scheduler file; 'no.json'"),
        (["detect", "{cube}", "-o", "{out}.txt"], "has '.txt'; rename the output"),
        (["detect", "{cube}", "-o", "/nowhere/out.fits", "--detector", "lines"], "make the folder first"),
        (["detect", "{cube}", "b.fits", "-o", "{out}.fits"], "must be a folder"),
        (["classify", "{cube}", "--classifier", "reality"], "'museml classify' needs a plugin that takes spectrum"),
        (["classify", "{out}"], "museml: error: "),
        (["classify", "{cube}", "-o", "z.txt"], "has '.txt'; rename the output"),
    ],
)
def test_bad_arguments_end_in_one_line(shell, cube_file, tmp_path, arguments, text):
    places = {"cube": cube_file, "out": tmp_path / "out"}
    result = shell(*(argument.format(**places) for argument in arguments))
    assert_one_line(result)
    assert text in result.stderr


@pytest.mark.parametrize("command", ["detect", "classify"])
def test_the_output_is_checked_before_the_work(shell, cube_file, tmp_path, monkeypatch, command):
    work = {"detect": "museml.detection.Detector.detect", "classify": "museml.classification.Classifier.stream"}
    monkeypatch.setattr(work[command], lambda *_: pytest.fail("the work began"))
    result = shell(command, cube_file, "-o", tmp_path / "nowhere" / "out.fits")
    assert_one_line(result)
    assert "make the folder first" in result.stderr


@pytest.mark.parametrize("text", ["[detector", "[detectors]\nname = 'lines'", "threshold = 3"])
def test_bad_configurations_end_in_one_line(shell, cube_file, tmp_path, text):
    (tmp_path / "bad.toml").write_text(text)
    assert_one_line(shell("run", cube_file, "-o", tmp_path / "out", "--config", tmp_path / "bad.toml"))


def test_an_all_nan_and_a_constant_spectrum_are_errors_or_flags(shell, cube_file, tmp_path):
    from mpdaf.obj import Cube

    spectrum = Cube(str(cube_file))[:, 10, 10]
    for name, value in (("nan", np.nan), ("constant", 3.0)):
        spectrum.data = np.ma.masked_invalid(np.full(300, value))
        spectrum.write(str(tmp_path / f"{name}.fits"), savemask="nan")
        result = shell("classify", tmp_path / f"{name}.fits")
        assert_one_line(result)


def test_usage_errors_have_code_2(shell):
    assert shell("run").exit_code == 2
    assert shell("nothing").exit_code == 2


def test_debug_lets_the_traceback_through(shell):
    result = shell("--debug", "detect", "missing.fits", "-o", "x.fits", "--detector", "lines")
    assert isinstance(result.exception, museml.errors.InputError)


def test_a_bug_is_called_a_bug(shell, cube_file, monkeypatch):
    monkeypatch.setattr("museml.api.get_detector", lambda *a, **k: 1 / 0)
    result = shell("detect", cube_file, "-o", "x.fits")
    assert_one_line(result)
    assert "ZeroDivisionError: division by zero; this is a bug" in result.stderr


def test_ctrl_c_has_code_130(shell, cube_file, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("museml.api.get_detector", interrupted)
    result = shell("detect", cube_file, "-o", "x.fits")
    assert result.exit_code == 130
    assert "stopped" in result.stderr


def test_warnings_are_one_line(shell, monkeypatch, capsys):
    import warnings

    from museml.cli.errors import short_warnings

    with warnings.catch_warnings(), short_warnings():
        warnings.simplefilter("always")
        warnings.warn("something\nto know", MusemlWarning, stacklevel=1)
    assert capsys.readouterr().err == "museml: warning: something to know\n"


WAITING = """
import signal
import time
import museml.cli
from museml.pipeline import cube_run, workers

signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist ignores it, and its children inherit that
workers.START = 0  # so that worker processes are started for this little work
cube_run._CubeRun._classify = lambda run, numbers: time.sleep(60)  # so that Ctrl-C never comes too late
museml.cli.main()
"""


def test_ctrl_c_in_a_real_run_ends_cleanly_and_it_resumes(cube_file, tmp_path):
    out = tmp_path / "out"
    options = ["run", str(cube_file), "-o", str(out), "--jobs", "2", *QUICK]
    command = [sys.executable, "-c", WAITING, *options]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while run.poll() is None and not (out / "extracted" / "source-00001.fits").exists():
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert errors.strip() == "museml: stopped; files written so far are whole"
    assert not list(out.rglob(".*.museml-part"))
    done = subprocess.run([sys.executable, "-m", "museml", *options, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 sources" in done.stdout
