"""Other finders on one radio image, for bench_radio.py: run in the Python where they are installed.

``python radio_rivals.py FINDER image.fits answer.ecsv`` writes positions, fluxes and sizes, and prints time and memory
as JSON. It needs numpy, astropy and the finder, not museml. ``python radio_rivals.py`` alone prints what is installed.
"""

import importlib.metadata
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack
from astropy.wcs import WCS

__all__ = ["COLUMNS", "PACKAGES", "RIVALS", "leaves"]

COLUMNS = ("ra", "dec", "peak", "flux", "rms", "major", "minor", "pa")
#: name -> the package that it needs
PACKAGES = {
    "PyBDSF": "bdsf",
    "Aegean": "AegeanTools",
    "sep": "sep",
    "photutils": "photutils",
    "astrodendro": "astrodendro",
}
SEED, FLOOD = 5.0, 4.0  # sigma of the peak, and down to which an island grows: those of the LoTSS call of PyBDSF
FINE = 8.0  # pixels of a beam
MESH = 64  # pixels of the background's mesh, where a finder has no setting of its own
LOTSS = {
    "thresh_isl": FLOOD,
    "thresh_pix": SEED,
    "rms_box": (160, 50),
    "rms_map": True,
    "mean_map": "zero",
    "ini_method": "intensity",
    "adaptive_rms_box": True,
    "adaptive_thresh": 150,
    "rms_box_bright": (60, 15),
    "group_by_isl": False,
    "group_tol": 10.0,
    "atrous_do": True,
    "atrous_jmax": 4,
    "flag_maxsize_fwhm": 0.5,
}
GAUSSIAN_AREA = np.pi / (4 * np.log(2))


def pybdsf(path):
    """Run PyBDSF as LoTSS does (Shimwell et al. 2019, 2022); its sources, and the Gaussians of which they consist."""
    import bdsf

    image = bdsf.process_image(str(path), **LOTSS, blank_limit=None, frequency=144e6, ncores=1, quiet=True)
    parts = [_pybdsf_list(image, kind, name) for kind, name in (("srl", "sources"), ("gaul", "Gaussians"))]
    return vstack(parts)


def _pybdsf_list(image, kind, name):
    path = Path(f"pybdsf_{kind}.fits")
    image.write_catalog(outfile=str(path), catalog_type=kind, format="fits", clobber=True)
    rows = Table.read(path) if path.exists() else Table(names=["RA"])
    table = _answer()
    if len(rows):
        names = {"ra": "RA", "dec": "DEC", "peak": "Peak_flux", "flux": "Total_flux", "rms": "Isl_rms", "pa": "PA"}
        sizes = {"major": np.array(rows["Maj"]) * 3600, "minor": np.array(rows["Min"]) * 3600}
        table = _answer(**{key: rows[column] for key, column in names.items()}, **sizes)
    table["list"] = np.full(len(table), name, "U9")
    return table


def aegean(path):
    """Run BANE and Aegean with their default settings, on one core.

    Aegean 2.3.5 stops with an AttributeError under numpy 2 where a fit has a singular matrix, since it catches
    ``numpy.linalg.linalg.LinAlgError``; it is given that name. Where a beam has many pixels its fits with the noise's
    covariance end far from the sources; there it is told not to use that (its option ``--nocov``).
    """
    np.linalg.linalg = np.linalg
    path = _flat(path)
    header = fits.getheader(path)
    fine = header["BMIN"] / header["CDELT2"] > FINE
    from AegeanTools.BANE import filter_image
    from AegeanTools.source_finder import SourceFinder

    filter_image(str(path), "bane", cores=1)
    settings = {"rmsin": "bane_rms.fits", "bkgin": "bane_bkg.fits", "innerclip": SEED, "outerclip": FLOOD,
                "docov": not fine}  # fmt: skip
    found = SourceFinder().find_sources_in_image(str(path), **settings, cores=1, progress=False)
    names = {"ra": "ra", "dec": "dec", "peak": "peak_flux", "flux": "int_flux", "rms": "local_rms", "pa": "pa"}
    names |= {"major": "a", "minor": "b"}
    return _answer(**{name: [getattr(row, column) for row in found] for name, column in names.items()})


def sep(path):
    """Run SEP: mesh background, islands above 4 sigma with a peak above 5, default deblending, Kron fluxes."""
    import sep

    image, header = _read(path)
    background, rms = _mesh(image)
    image = image - background
    sep.set_extract_pixstack(2_000_000)
    rows = sep.extract(image, FLOOD, err=rms, minarea=2, filter_kernel=None)
    rows = rows[rows["peak"] >= SEED * rms[rows["ypeak"], rows["xpeak"]]]
    shape = [rows["x"], rows["y"], rows["a"], np.maximum(rows["b"], 0.1), np.clip(rows["theta"], -1.57, 1.57)]
    radius = sep.kron_radius(image, *shape, 6.0)[0]
    flux = sep.sum_ellipse(image, *shape, 2.5 * np.maximum(np.nan_to_num(radius), 1.5), subpix=1)[0] / _beam_area(
        header
    )
    return _measured(header, rms, rows["x"], rows["y"], rows["peak"], flux, rows["a"], rows["b"], rows["theta"])


def photutils(path):
    """Run photutils: mesh background, deblended segments above 4 sigma with a peak above 5, Kron fluxes."""
    from photutils.background import Background2D, MADStdBackgroundRMS, SExtractorBackground
    from photutils.segmentation import SourceCatalog, SourceFinder

    image, header = _read(path)
    mesh = Background2D(image, MESH, bkg_estimator=SExtractorBackground(), bkgrms_estimator=MADStdBackgroundRMS())
    image, rms = image - mesh.background, mesh.background_rms
    segments = SourceFinder(n_pixels=2, progress_bar=False)(image, FLOOD * rms)
    if segments is None:
        return _answer()
    rows = SourceCatalog(image, segments, wcs=WCS(header))
    x, y = rows.x_centroid, rows.y_centroid
    keep = rows.max_value >= SEED * _at(rms, x, y)
    sizes = rows.semimajor_axis.value, rows.semiminor_axis.value, np.deg2rad(rows.orientation.value)
    values = (x, y, rows.max_value, np.array(rows.kron_flux) / _beam_area(header), *sizes)
    return _measured(header, rms, *(np.asarray(value)[keep] for value in values))


def astrodendro(path):
    """Run astrodendro on the S/N map of the same mesh: leaves above 4 sigma that rise by 1, with a peak above 5."""
    image, header = _read(path)
    background, rms = _mesh(image)
    image = image - background
    tree = leaves(image / rms, FLOOD, 1.0, 4)
    rows = [_leaf(image, leaf.indices()) for leaf in tree if leaf.vmax >= SEED]
    x, y, peak, flux, *shape = np.array(rows).reshape(-1, 7).T
    return _measured(header, rms, x, y, peak, flux / _beam_area(header), *shape)


def leaves(image, min_value, min_delta, min_npix):
    """Return the leaves of astrodendro."""
    from astrodendro import Dendrogram

    return Dendrogram.compute(image, min_value=min_value, min_delta=min_delta, min_npix=min_npix).leaves


def _leaf(image, indices):
    """Return position, peak, sum and second moments of a leaf."""
    (y, x), value = indices, image[indices]
    weight = value / value.sum()
    mx, my = (weight * x).sum(), (weight * y).sum()
    xx, yy, xy = ((weight * product).sum() for product in ((x - mx) ** 2, (y - my) ** 2, (x - mx) * (y - my)))
    mean, split = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return mx, my, value.max(), value.sum(), np.sqrt(mean + split), np.sqrt(max(mean - split, 0)), angle


def _measured(header, rms, x, y, peak, flux, a, b, theta):
    """Return an answer from what is measured in pixels; ``theta`` is the angle of the major axis from +x, radian."""
    ra, dec = WCS(header).all_pix2world(x, y, 0)
    scale = header["CDELT2"] * 3600 * 2.3548
    angle = np.rad2deg(theta) - 90
    shape = {"major": np.asarray(a) * scale, "minor": np.asarray(b) * scale, "pa": angle % 180}
    return _answer(ra=ra, dec=dec, peak=peak, flux=flux, rms=_at(rms, x, y), **shape)


def _answer(**columns):
    length = len(columns["ra"]) if columns else 0
    return Table({name: np.asarray(columns.get(name, np.full(length, np.nan)), float) for name in COLUMNS})


def _at(image, x, y):
    rows, columns = (np.clip(np.rint(v).astype(int), 0, n - 1) for v, n in zip((y, x), image.shape, strict=True))
    return image[rows, columns]


def _mesh(image):
    from sep import Background

    mesh = Background(image, bw=MESH, bh=MESH)
    return mesh.back(), mesh.rms()


def _read(path):
    """Return the image, native and in two dimensions, and the header of its celestial axes."""
    with fits.open(path) as hdus:
        header = hdus[0].header
        image = np.ascontiguousarray(np.squeeze(hdus[0].data), dtype=np.float32)
    celestial = WCS(header).celestial.to_header()
    celestial.update({name: header[name] for name in ("BMAJ", "BMIN", "CDELT2")})
    return np.nan_to_num(image), celestial


def _flat(path):
    """Return the path of an image of two axes: the image itself, or a copy without the others."""
    with fits.open(path) as hdus:
        if hdus[0].header["NAXIS"] == 2:
            return path
        header = WCS(hdus[0].header).celestial.to_header()
        header.update({name: hdus[0].header[name] for name in ("BMAJ", "BMIN", "BPA", "BUNIT")})
        fits.writeto("flat.fits", np.squeeze(hdus[0].data), header)
    return Path("flat.fits")


def _beam_area(header):
    return GAUSSIAN_AREA * header["BMAJ"] * header["BMIN"] / header["CDELT2"] ** 2


def _cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak(who=resource.RUSAGE_SELF):
    return resource.getrusage(who).ru_maxrss / 1024


def versions():
    """Return the versions of the finders that are installed, and that of numpy."""
    found = {}
    for package in {*PACKAGES.values(), "numpy"}:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


#: name -> function of the path of an image
RIVALS = {
    "PyBDSF": pybdsf,
    "Aegean": aegean,
    "sep": sep,
    "photutils": photutils,
    "astrodendro": astrodendro,
}


def main(finder, path, answer):
    """Run a finder in a folder of its own and print its cost."""
    path, answer = Path(path).resolve(), Path(answer).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        cpu, wall = _cpu(), time.perf_counter()
        table = RIVALS[finder](path)
        cost = {"cpu_s": _cpu() - cpu, "wall_s": time.perf_counter() - wall}
        os.chdir("/")
    cost |= {"peak_mib": max(_peak(), _peak(resource.RUSAGE_CHILDREN)), "failed": ""}
    table.write(answer, format="ascii.ecsv", overwrite=True)
    print(json.dumps(cost))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(json.dumps(versions()))
    else:
        main(*sys.argv[1:])
