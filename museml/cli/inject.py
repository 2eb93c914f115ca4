"""``museml inject``: what part of the objects that are put into a cube is found."""

import click

from museml.cli.options import classifier_option, config_option, detector_option, read_config, set_option, settings

__all__ = ["inject"]

COLUMNS = ("snr_low", "snr_high", "number", "recovered", "completeness", "low", "high", "flux_ratio", "offset")
REDSHIFTS = ("n_right", "right")
KINDS = ("line", "galaxy", "emitter", "continuum")


def _range(name, text, default=None):
    return click.option(f"--{name}", type=(float, float), default=default, metavar="LOW HIGH", help=text)


@click.command()
@click.argument("cube")
@click.option("--output", "-o", "out", required=True, metavar="OUT", help="Folder.")
@click.option("--kind", type=click.Choice(KINDS), default="line", show_default=True, help="What is put in.")
@click.option("--number", "-n", default=500, show_default=True, metavar="N", help="Objects in all.")
@click.option(
    "--per-round", type=int, metavar="N", help="Objects put in at a time; by default so many as do not crowd."
)
@_range("snr", "Range of the S/N in a filter that matches the object; default 2 15.")
@_range("flux", "Range of the flux instead, 1e-20 erg / (s cm2).")
@_range("wave", "Range of the wavelength of single lines, Angstrom.")
@_range("velocity", "Range of the FWHM of single lines, km/s; default 50 300.", (50.0, 300.0))
@_range("z", "Range of the redshift of galaxies and emitters.")
@_range("size", "Range of the FWHM before the PSF, arcsec; default 0 0.", (0.0, 0.0))
@click.option("--psf", type=float, metavar="FWHM", help="PSF of the objects, arcsec; by default what the cube tells.")
@click.option("--seed", default=0, show_default=True, help="The same seed puts in the same objects.")
@detector_option
@classifier_option
@set_option
@config_option
@click.option("--resume", is_flag=True, help="Go on with an injection that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the injection that is in OUT.")
def inject(cube, out, detector, classifier, assignments, config, **options):
    """Put objects into CUBE, round by round, and tell what part of them is found.

    OUT gets injected.fits (one row per object), completeness.ecsv, limits.ecsv and completeness.png. Redshifts are
    judged where a classifier is given.
    """
    import museml
    from museml.api import DEFAULT_DETECTOR

    sections = read_config(config)
    detector, of_detector = settings("detector", detector, DEFAULT_DETECTOR, sections, assignments)
    classifier, of_classifier = settings("classifier", classifier, None, sections, assignments)
    recovery = museml.inject(
        cube, out, detector=detector, classifier=classifier,
        detector_settings=of_detector, classifier_settings=of_classifier, **options,
    )  # fmt: skip
    _report(recovery, out)


def _report(recovery, out):
    import numpy as np

    from museml.cli.tables import text_of

    table, objects = recovery.completeness, recovery.objects
    whole = table[: len(set(table["snr_low"]))]
    columns = COLUMNS + REDSHIFTS if np.isfinite(whole["right"]).any() else COLUMNS
    click.echo(text_of(whole, [name for name in columns if np.isfinite(whole[name]).any()]))
    counted = objects[objects["confused"] == 0]
    click.echo(f"\n{counted['recovered'].sum()} of {len(counted)} objects were found")
    judged = np.ma.compressed(np.ma.asarray(counted["right"]))
    if len(judged):
        click.echo(f"{judged.sum()} of {len(judged)} redshifts of objects that were found are right")
    if len(counted) < len(objects):
        click.echo(f"{len(objects) - len(counted)} more lie on detections of the cube itself and do not count")
    for part in ("50", "90"):
        snr, flux = (recovery.limits[f"{name}_{part}"][0] for name in ("snr", "flux"))
        if np.isfinite(snr):
            click.echo(f"{part} % are found at S/N {snr:.1f}, flux {flux:.3g}e-20 erg/(s cm2)")
    click.echo(f"the files are in {out}: injected.fits, completeness.ecsv, limits.ecsv, completeness.png")
