"""Are simulated lines as strong, as wide and as related as real ones? Numbers for the documentation.

Run from anywhere: ``MUSEML_DATA=... python benchmarks/bench_lines.py [--objects 6000]``. It compares simulated
galaxies, as bright as on the sky, with the catalogue of the UDF-10, and interstellar lines with composites of
Lyman-break galaxies, both in the folder MUSEML_DATA. The numbers go into ``results/lines.csv`` and
``results/interstellar.csv`` beside this file.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from astropy.table import Table
from redshift_scores import RESULTS, write

from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES
from museml.data.psf import lsf_fwhm
from museml.simulation.spectra.emission import emission_lines
from museml.simulation.spectra.interstellar import transmission
from museml.simulation.spectra.library import continuum_library
from museml.simulation.spectra.population import SURVEY, draw
from museml.simulation.spectra.stellar import stellar_continua

SEED = 760_000
#: noise of the UDF-10 per channel, 1e-20 erg / (s cm2 Angstrom), in the middle of the range
NOISE = 6.0
CHANNEL = 1.25
VELOCITY = np.arange(-2000, 2500, 5.0)  # km/s
#: S/N from which on a line counts as found, and that of the reference of a ratio
FOUND, BRIGHT = 5.0, 8.0
#: the catalogue's names where they differ from the line list's
NAMES = {
    "OII3727": "OII3726", "OIII5008": "OIII5007", "NEIII3870": "NEIII3869", "NII6585": "NII6584", "SII6718": "SII6717",
}  # fmt: skip
#: first line, second line, range of redshift
RATIOS = (
    ("OIII5008", "OII3729", (0.3, 0.9)), ("HBETA", "OIII5008", (0.2, 0.9)), ("HBETA", "OII3729", (0.3, 0.9)),
    ("HGAMMA", "HBETA", (0.2, 0.9)), ("HDELTA", "HBETA", (0.2, 0.9)), ("NEIII3870", "OII3729", (0.3, 1.4)),
    ("OII3727", "OII3729", (0.3, 1.5)), ("MGII2796", "OII3729", (0.7, 1.5)), ("CIII1909", "CIII1907", (1.5, 3.8)),
)  # fmt: skip
FLUXES = ("LYALPHA", "OII3729", "OIII5008", "HBETA", "CIII1907")
#: name -> range about the line in Angstrom, of the composites' low and high ions
WINDOWS = {
    "SiII 1260": (1253, 1263), "OI, SiII 1303": (1296, 1308), "CII 1334": (1328, 1339), "SiIV 1394": (1387, 1397),
    "SiII 1527": (1520, 1530), "CIV 1550": (1536, 1554), "FeII 1608": (1604, 1612), "AlII 1671": (1665, 1675),
}  # fmt: skip
#: equivalent width of Lya -> end of the name of the composite
COMPOSITES = {(-99, -10): "ew-020_+000", (0, 10): "ew+000_+010", (20, 50): "ew+020_+050"}


class Simulated:
    """Simulated galaxies as bright as on the sky, and their lines."""

    def __init__(self, number):
        rng = np.random.default_rng(SEED)
        galaxies = {kind: share for kind, share in SURVEY.items() if kind not in ("qso", "star", "nothing")}
        self.table = draw(rng, number, galaxies)
        self.z, ln_wave = np.asarray(self.table["z"], float), continuum_library().ln_wave
        rest = stellar_continua(rng, number, self.z, np.asarray(self.table["kind"]))
        self.lines = emission_lines(rng, self.table, ln_wave, rest)
        level = [np.interp(np.log(7750 / (1 + z)), ln_wave, row) for z, row in zip(self.z, rest, strict=True)]
        density = 10 ** (-0.4 * (self.table["magnitude"] + 48.6)) * 2.998e18 / 7750**2 * 1e20
        self.scale = np.asarray(density * (1 + self.z) / np.array(level))

    def flux(self, name):
        """Return the flux of a line in 1e-20 erg / (s cm2)."""
        parts = [i for i, other in enumerate(self.lines.names) if other == name]
        return self.lines.flux[:, parts].sum(axis=1) * self.scale

    def fwhm(self, name):
        """Return the observed full width at half maximum of a line, Angstrom."""
        wave = LINES[name].wave * (1 + self.z)[:, None]
        parts = [i for i, other in enumerate(self.lines.names) if other == name]
        blur = lsf_fwhm(np.clip(wave, 4700, 9400)) / wave * C_KMS / 2.355
        profile = np.zeros((len(wave), len(VELOCITY)))
        for i in parts:
            sigma = np.hypot(self.lines.sigma[:, [i]], blur)
            distance = (VELOCITY - self.lines.velocity[:, [i]]) / sigma
            profile += self.lines.flux[:, [i]] / sigma * np.exp(-0.5 * distance**2)
        above = np.sum(profile > 0.5 * profile.max(axis=1, keepdims=True), axis=1)
        return above * (VELOCITY[1] - VELOCITY[0]) / C_KMS * wave[:, 0]

    def snr(self, name):
        """Return the S/N of a line in the middle of MUSE's noise; 0 outside of its range."""
        wave = LINES[name].wave * (1 + self.z)
        noise = NOISE * np.sqrt(CHANNEL * 1.5 * self.fwhm(name))
        return np.where((wave > 4750) & (wave < 9350), self.flux(name) / noise, 0)


class Catalogue:
    """The sources of the UDF-10."""

    def __init__(self):
        self.table = Table.read(Path(os.environ["MUSEML_DATA"], "muse", "udf10_catalogue_v030.fits.gz"))
        self.z = np.asarray(self.table["Z_MUSE"], float)

    def _column(self, name, suffix):
        return np.ma.filled(np.ma.asarray(self.table[f"{NAMES.get(name, name)}_{suffix}"], float), np.nan)

    def flux(self, name):
        """Return the flux of a line in 1e-20 erg / (s cm2)."""
        return self._column(name, "FLUX")

    def fwhm(self, name):
        """Return the observed full width at half maximum of a line, Angstrom."""
        return self._column(name, "FWHM_OBS")

    def snr(self, name):
        """Return the S/N of a line; 0 where it is not measured."""
        return np.nan_to_num(self._column(name, "SNR"))


def rows(real, simulated):
    """Return the rows of the table: ratios, fluxes and widths."""
    for first, second, (low, high) in RATIOS:
        parts = []
        for one in (real, simulated):
            use = (one.snr(second) > BRIGHT) & (one.z > low) & (one.z < high) & np.isfinite(one.flux(first))
            with np.errstate(divide="ignore"):
                parts.append(np.log10(np.maximum(one.flux(first)[use] / one.flux(second)[use], 3e-3)))
        yield _row(f"log {first} / {second}", *parts)
    for name in FLUXES:
        found = [one.snr(name) > FOUND for one in (real, simulated)]
        yield _row(
            f"log flux of {name}",
            *(np.log10(one.flux(name)[k]) for one, k in zip((real, simulated), found, strict=True)),
        )
        yield _row(f"FWHM of {name} (A)", *(one.fwhm(name)[k] for one, k in zip((real, simulated), found, strict=True)))


def _row(name, real, simulated):
    row = {"quantity": name, "n_real": len(real), "n_simulated": len(simulated)}
    for title, values in (("real", real), ("simulated", simulated)):
        low, middle, high = np.nanpercentile(values, [16, 50, 84])
        row |= {f"{title}_16": f"{low:.2f}", f"{title}_median": f"{middle:.2f}", f"{title}_84": f"{high:.2f}"}
    return row


def interstellar():
    """Return equivalent widths of interstellar lines, composite and simulated, by that of Lya."""
    rng, ln_wave = np.random.default_rng(SEED), continuum_library().ln_wave
    table = draw(rng, 2000, ["lbg"])
    mean = stellar_continua(rng, 2000, np.full(2000, 3.0), "lbg") * transmission(rng, table, ln_wave)
    for (low, high), name in COMPOSITES.items():
        path = Path(os.environ["MUSEML_DATA"], "templates", "kinney_lbg", "lbgs", f"composite_0.6_{name}.dat")
        wave, flux, _ = np.loadtxt(path, skiprows=1).T
        inside = (np.asarray(table["lya"]) > low) & (np.asarray(table["lya"]) <= high)
        for line, window in WINDOWS.items():
            widths = (_width(wave, flux, window), _width(np.exp(ln_wave), mean[inside].mean(axis=0), window))
            yield {"Lya (A)": name[2:], "line": line, "composite": f"{widths[0]:.2f}", "simulated": f"{widths[1]:.2f}"}


def _width(wave, flux, window):
    """Return the equivalent width in a window, above a straight line between its sides."""
    inside = (wave > window[0]) & (wave < window[1])
    side = (wave > window[0] - 12) & (wave < window[1] + 12) & ~inside
    level = np.polyval(np.polyfit(wave[side], flux[side], 1), wave[inside])
    return np.sum((1 - flux[inside] / level) * np.gradient(wave)[inside])


def main():
    """Write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=6000)
    options = parser.parse_args()
    if "MUSEML_DATA" not in os.environ:
        raise SystemExit("MUSEML_DATA must name the folder of the development data; there is nothing to compare with")
    write(rows(Catalogue(), Simulated(options.objects)), RESULTS / "lines.csv")
    write(interstellar(), RESULTS / "interstellar.csv")
    for name in ("lines.csv", "interstellar.csv"):
        Table.read(RESULTS / name).pprint(-1, -1)


if __name__ == "__main__":
    main()
