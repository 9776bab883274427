"""Units: which spellings mean the same, and how much one is of another, exactly."""

from fractions import Fraction
from functools import lru_cache

from .ratios import Ratio, power_of_ten, ratio, ratio_of

__all__ = ["CURRENCIES", "MULTIPLIERS", "UNIT_SIGNS", "UNIT_WORDS", "Reading", "read_unit"]

Reading = tuple[Ratio, str]  # how many of the dimension's own unit, and the dimension

_PREFIXES = {"p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "": 0, "k": 3, "K": 3, "M": 6, "G": 9, "T": 12}
# Symbols that take an SI prefix, with their dimension. A volt stays a volt whatever is written behind it.
_SYMBOLS = {
    "V": "V", "A": "A", "W": "W", "Hz": "Hz", "F": "F", "H": "H", "Ω": "Ohm", "\u2126": "Ohm", "Ohm": "Ohm", "ohm": "Ohm",
    "ohms": "Ohm", "Ohms": "Ohm", "J": "J", "N": "N", "Pa": "Pa", "C": "C", "g": "g", "m": "m", "s": "s", "l": "l", "L": "l",
    "Wh": "Wh", "Ah": "Ah", "VA": "VA", "eV": "eV", "B": "B", "b": "bit", "bit": "bit", "bits": "bit", "bps": "bit/s",
    "Bd": "Bd", "sps": "sps", "SPS": "sps", "Sv": "Sv", "mol": "mol", "lm": "lm", "lx": "lx", "cal": "cal", "K": "K",
    "S": "S", "T": "T", "Vrms": "V", "VRMS": "V", "VDC": "V", "VAC": "V", "Vdc": "V", "Vac": "V", "Vpp": "V", "Vin": "V",
    "Vout": "V", "Vds": "V", "Vdss": "V", "Vce": "V", "Vgs": "V", "Arms": "A", "ADC": "A", "bar": "bar", "t": "t",
}  # fmt: skip
# Words, any case, singular and plural where the plural is an s; the number counts the dimension's own unit.
_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "V": (("1", "volt"),), "A": (("1", "amp ampere"),), "W": (("1", "watt"), ("1000", "kilowatt")),
    "Hz": (("1", "hertz"), ("1000", "kilohertz"), ("1000000", "megahertz")), "F": (("1", "farad"),), "Ohm": (("1", "ohm"),),
    "g": (("1", "gram gramme gr"), ("1000", "kilogram kilo kilogramme"), ("0.001", "milligram"),
          ("0.000001", "microgram mcg"), ("1000000", "tonne t")),
    "m": (("1", "metre meter"), ("1000", "kilometre kilometer"), ("0.01", "cm centimetre centimeter"), ("0.1", "dm"),
          ("0.001", "millimetre millimeter"), ("0.0254", "in inch inches"), ("0.3048", "ft foot feet"), ("0.9144", "yd yard"),
          ("1609.344", "mi mile"), ("0.0000254", "mil")),
    "s": (("1", "sec second"), ("60", "min minute"), ("3600", "h hr hour"), ("86400", "d day"), ("604800", "week"),
          ("0.001", "millisecond msec"), ("0.000001", "microsecond")),
    "month": (("1", "month mo"), ("12", "year yr")),
    "l": (("1", "litre liter"), ("0.001", "cc millilitre milliliter"), ("0.01", "cl centilitre"), ("0.1", "dl decilitre")),
    "cup": (("1", "cup"),), "tbsp": (("1", "tbsp tablespoon"),), "tsp": (("1", "tsp teaspoon"),), "pt": (("1", "pint"),),
    "gal": (("1", "gal gallon"),), "oz": (("1", "oz ounce"), ("16", "lb pound")), "floz": (("1", "fl.oz"),),
    "%": (("1", "percent % pct"), ("0.1", "‰ permille")), "ppm": (("1", "ppm"),), "ppb": (("1", "ppb"),),
    "°C": (("1", "°c ℃ celsius centigrade"),), "°F": (("1", "°f ℉ fahrenheit"),), "°": (("1", "° deg degree"),),
    "dB": (("1", "db decibel"),), "dBm": (("1", "dbm"),), "dBA": (("1", "dba"),), "rpm": (("1", "rpm"),),
    "px": (("1", "px pixel"),),
    "MP": (("1", "mp megapixel"),), "fps": (("1", "fps"),), "hp": (("1", "hp"),), "psi": (("1", "psi"),),
    "mmHg": (("1", "mmhg"),),
    "IU": (("1", "iu"),), "cal": (("1", "calorie"), ("1000", "kcal kilocalorie")), "B": (("1", "byte"),),
    "EUR": (("1", "€ eur euro"), ("0.01", "ct cent")), "USD": (("1", "$ usd us$ dollar"), ("0.01", "¢ ct cent")),
    "GBP": (("1", "£ gbp pound quid"), ("0.01", "pence")), "JPY": (("1", "¥ jpy yen"),), "CHF": (("1", "chf franc"),),
    "SEK": (("1", "sek"),), "NOK": (("1", "nok"),), "DKK": (("1", "dkk"),), "PLN": (("1", "pln"),),
    "CNY": (("1", "cny rmb yuan"),),
    "INR": (("1", "₹ inr rupee"),), "AUD": (("1", "aud"),), "CAD": (("1", "cad"),), "kr": (("1", "kr"),),
    "acre": (("1", "acre"),), "m2": (("10000", "ha hectare"), ("1", "sqm"),), "m/s": (("1", "mps"),),
    "carat": (("1", "ct carat"),),
}  # fmt: skip
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CNY", "INR", "AUD", "CAD", "kr")
MULTIPLIERS = {
    "hundred": 2, "thousand": 3, "k": 3, "K": 3, "million": 6, "millions": 6, "mn": 6, "mio": 6, "m": 6, "M": 6, "mln": 6,
    "billion": 9, "billions": 9, "bn": 9, "B": 9, "b": 9, "trillion": 12, "tn": 12, "T": 12,
}  # fmt: skip
UNIT_SIGNS = "%‰°€$£¥¢₹Ω\u2126℃℉µμ\"″'′²³"
# Bytes are counted in thousands and in 1,024s under one name; both readings hold.
_BINARY = {"K": 1, "k": 1, "M": 2, "G": 3, "T": 4}
_PER = {"kph": "km/h", "kmh": "km/h", "mph": "mile/h", "mA/h": "mAh"}


def _symbols() -> dict[str, list[Reading]]:
    """Every symbol as it is written, case kept."""
    table: dict[str, list[Reading]] = {}
    for symbol, dimension in _SYMBOLS.items():
        for prefix, power in _PREFIXES.items():
            readings = table.setdefault(prefix + symbol, [])
            readings.append((power_of_ten(power), dimension))
            if dimension in ("B", "bit") and prefix in _BINARY:
                readings.append(((1024 ** _BINARY[prefix], 1), dimension))
                table.setdefault(f"{prefix}i{symbol}", []).append(((1024 ** _BINARY[prefix], 1), dimension))
    for length, factor in {
        "mm": "0.001",
        "cm": "0.01",
        "dm": "0.1",
        "m": "1",
        "km": "1000",
        "in": "0.0254",
        "ft": "0.3048",
    }.items():
        for power, marks in {2: ("2", "²"), 3: ("3", "³")}.items():
            for mark in marks:
                scale, dimension = (
                    (ratio_of(Fraction(factor) ** 2), "m2")
                    if power == 2
                    else (ratio_of(Fraction(factor) ** 3 * 1000), "l")
                )
                table[length + mark] = [(scale, dimension)]
    # Signs for inches and feet, and the volt in small letters.
    table |= {mark: [(ratio_of("0.0254"), "m")] for mark in '"″”'} | {
        mark: [(ratio_of("0.3048"), "m")] for mark in "'′"
    }
    table["v"] = [((1, 1), "V")]
    # A bare letter behind a temperature is a temperature more often than a charge; the other reading stays.
    table["C"].append(((1, 1), "°C"))
    table["F"].append(((1, 1), "°F"))
    del table["T"], table["K"]  # a trillion, a thousand; tesla and kelvin are added back as second readings
    table["T"], table["K"] = [((1, 1), "T")], [((1, 1), "K")]
    return table


def _words() -> dict[str, list[Reading]]:
    table: dict[str, list[Reading]] = {}
    for dimension, groups in _WORDS.items():
        for factor, names in groups:
            for name in names.split():
                for form in (name, name + "s") if name.isalpha() and len(name) > 1 else (name,):
                    table.setdefault(form, []).append((ratio_of(factor), dimension))
    return table


_SYMBOL_TABLE, _WORD_TABLE = _symbols(), _words()
_FOLDED: dict[str, list[Reading]] = {}
for _symbol, _readings in _SYMBOL_TABLE.items():
    if len(_symbol) > 1:  # of one letter, case tells: M and m, K and k
        _FOLDED.setdefault(_symbol.casefold(), []).extend(_readings)
UNIT_WORDS = tuple(sorted({*_SYMBOL_TABLE, *_WORD_TABLE, *_PER} - set("\"″”'′"), key=lambda word: (-len(word), word)))


@lru_cache(maxsize=4096)
def read_unit(text: str) -> tuple[Reading, ...]:
    """What a unit as written may mean; empty where it is none. `V/µs` and `mg per kg` are units of their own."""
    text = text.replace(" per ", "/").replace(" ", "").replace("percent", "%")
    text = _PER.get(text.casefold(), text)
    upper, slash, lower = text.partition("/")
    if not slash:
        return tuple(dict.fromkeys(_one(text)))
    parts = [(one, other) for one in _one(upper) for other in _one(lower)]
    return tuple(
        dict.fromkeys((ratio(a[0] * b[1], a[1] * b[0]), f"{above}/{below}") for (a, above), (b, below) in parts)
    )


def _one(text: str) -> list[Reading]:
    folded = text.casefold()
    exact = _SYMBOL_TABLE.get(text, []) + (_WORD_TABLE.get(folded, []) if len(text) > 1 or text not in "TKM" else [])
    if not exact and folded.startswith("degree"):
        exact = _WORD_TABLE.get(folded.removeprefix("degrees").removeprefix("degree") or "°", [])
    return exact or _FOLDED.get(folded, [])
