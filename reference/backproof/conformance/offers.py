"""What backends offer of the matrix, and what they declare they do not have: shown, and never counted as passed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backproof.hosting.registry import Description


@dataclass(frozen=True)
class NotOffered:
    """A model or a dtype that a backend does not have, or that a model, a dtype or a device is not for a series."""

    backend: str
    series: str | None = None
    model: str | None = None
    dtype: str | None = None
    device: str | None = None


def not_offered(
    models: Sequence[str],
    derivations: Collection[str],
    dtypes: Sequence[str],
    devices: Sequence[str],
    backends: Sequence[Description],
) -> list[NotOffered]:
    """What the backends do not have of `models` (those in `derivations` are anyone's), `dtypes` and `devices`."""
    found: list[NotOffered] = []
    for backend in backends:
        name, every = backend.name, backend.series
        without = {
            model: [s for s in every if not backend.offers(s, model, derivation=model in derivations)]
            for model in models
        }
        found += [NotOffered(name, dtype=dtype) for dtype in dtypes if dtype not in backend.dtypes]
        found += [NotOffered(name, model=model) for model, series in without.items() if len(series) == len(every)]
        for series in every:
            places, takes = series.devices or devices, series.dtypes or dtypes
            found += [NotOffered(name, series.name, device=device) for device in devices if device not in places]
            if not set(devices) & set(places):
                continue
            lacking = [dtype for dtype in dtypes if dtype in backend.dtypes and dtype not in takes]
            found += [NotOffered(name, series.name, dtype=dtype) for dtype in lacking]
            some = [model for model, lack in without.items() if series in lack and len(lack) < len(every)]
            found += [NotOffered(name, series.name, model) for model in some]
    return found
