"""Lines of quasars: broad, narrow, iron, and those in absorption."""

from dataclasses import dataclass

__all__ = ["BROAD", "INTERVENING", "IRON", "NARROW", "TROUGHS", "BroadLine", "QuasarLine", "Trough"]


@dataclass(frozen=True)
class BroadLine:
    """A broad line: vacuum wavelength and mean equivalent width in Angstrom; relative width; mean blueshift in km/s."""

    wave: float
    strength: float
    width: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class QuasarLine:
    """A line: vacuum wavelength and mean equivalent width in Angstrom; least width in km/s."""

    wave: float
    strength: float
    sigma: float = 0.0


@dataclass(frozen=True)
class Trough:
    """A line in absorption: vacuum wavelength in Angstrom, relative strength, whether of high ionisation."""

    wave: float
    strength: float
    high: bool = True


#: equivalent widths after Vanden Berk et al. (2001, AJ 122, 549), table 2; blueshifts after Shen et al. (2016,
#: ApJ 831, 7)
BROAD = tuple(
    BroadLine(*values)
    for values in (
        (977.0, 6.0, 1.3, -500),
        (1033.8, 12.0, 1.3, -500),
        (1215.67, 75.0, 1.1, -300),
        (1240.8, 18.0, 1.4, -600),
        (1262.6, 3.0, 1.2, -200),
        (1304.4, 3.0, 1.0, -100),
        (1335.3, 1.5, 1.0, -100),
        (1398.3, 9.0, 1.4, -500),
        (1549.1, 30.0, 1.25, -900),
        (1640.4, 7.0, 1.8, -900),
        (1663.5, 2.5, 1.3, -400),
        (1857.8, 2.0, 1.2, -200),
        (1892.0, 3.5, 1.1, -200),
        (1908.7, 19.0, 1.3, -300),
        (2326.4, 2.0, 1.0, 0),
        (2798.8, 30.0, 1.0, 0),
        (3890.2, 1.0, 0.8, 0),
        (3971.2, 1.5, 0.9, 0),
        (4102.9, 5.0, 1.0, 0),
        (4341.7, 13.0, 1.0, 0),
        (4687.0, 2.0, 1.2, 0),
        (4862.7, 46.0, 1.0, 0),
        (5877.2, 5.0, 1.0, 0),
        (6564.6, 200.0, 0.95, 0),
        (7067.1, 2.5, 1.0, 0),
        (8449.0, 8.0, 0.9, 0),
    )
)
#: narrow lines
NARROW = tuple(
    QuasarLine(*values)
    for values in (
        (3346.8, 0.4),
        (3426.8, 1.2),
        (3728.5, 1.6),
        (3870.2, 1.4),
        (3968.9, 0.4),
        (4341.7, 0.6),
        (4364.4, 0.5),
        (4862.7, 1.5),
        (4960.3, 4.4),
        (5008.2, 13.2),
        (6302.0, 1.0),
        (6549.9, 2.0),
        (6564.6, 6.0),
        (6585.3, 6.0),
        (6718.3, 1.6),
        (6732.7, 1.5),
    )
)
#: iron: multiplets of Fe II in the optical (Boroson & Green 1992, ApJS 80, 109) and blends of Fe II and Fe III in the
#: ultraviolet (Vestergaard & Wilkes 2001, ApJS 134, 1), in rough strengths, with the Balmer continuum
IRON = tuple(
    QuasarLine(*values)
    for values in (
        (2075.0, 4.0, 3500),
        (2250.0, 7.0, 5500),
        (2390.0, 10.0, 4200),
        (2500.0, 14.0, 4500),
        (2590.0, 7.0, 3000),
        (2740.0, 6.0, 3000),
        (2870.0, 5.0, 3500),
        (2960.0, 5.0, 3000),
        (3100.0, 6.0, 6000),
        (3200.0, 6.0, 4500),
        (3280.0, 5.0, 4000),
        (3450.0, 7.0, 7000),
        (3600.0, 6.0, 5000),
        (4178.0, 1.0, 0),
        (4234.0, 1.2, 0),
        (4304.0, 0.8, 0),
        (4386.0, 0.8, 0),
        (4418.0, 0.8, 0),
        (4492.0, 1.6, 0),
        (4524.0, 2.2, 0),
        (4550.0, 2.4, 0),
        (4585.0, 2.8, 0),
        (4630.0, 2.0, 0),
        (4668.0, 0.8, 0),
        (4925.0, 1.6, 0),
        (5019.8, 2.0, 0),
        (5170.5, 2.4, 0),
        (5199.0, 1.8, 0),
        (5236.0, 1.8, 0),
        (5277.0, 2.2, 0),
        (5318.0, 2.2, 0),
        (5364.0, 1.2, 0),
        (5427.0, 0.8, 0),
        (5536.0, 0.8, 0),
    )
)
#: lines of broad absorption, those of low ionisation in few quasars only
TROUGHS = tuple(
    Trough(*values)
    for values in (
        (1033.8, 0.8),
        (1215.67, 0.6),
        (1240.8, 0.9),
        (1398.3, 0.5),
        (1549.1, 1.0),
        (1336.0, 0.4, False),
        (1671.0, 0.4, False),
        (1857.8, 0.6, False),
        (2798.8, 0.5, False),
    )
)
#: lines of narrow absorption, by galaxies; strengths are relative optical depths
INTERVENING = tuple(
    Trough(*values)
    for values in (
        (1238.82, 0.3),
        (1242.80, 0.15),
        (1393.76, 0.4),
        (1402.77, 0.2),
        (1548.20, 1.0),
        (1550.77, 0.5),
        (1260.42, 0.9, False),
        (1302.17, 0.5, False),
        (1334.53, 0.9, False),
        (1526.71, 0.5, False),
        (1608.45, 0.3, False),
        (1670.79, 0.8, False),
        (2344.21, 0.4, False),
        (2374.46, 0.15, False),
        (2382.76, 0.8, False),
        (2586.65, 0.35, False),
        (2600.17, 0.8, False),
        (2796.35, 1.6, False),
        (2803.53, 0.9, False),
        (2852.96, 0.2, False),
    )
)
