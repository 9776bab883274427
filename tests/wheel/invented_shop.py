"""An invented export of an outdoor shop, and outputs of two models for its test pairs.

Unlike the shipped example: semicolons and a byte order mark, sizes as variants, a list in HTML, decimal commas, names with
accents, cells without a value, texts that are missing or still to be written, and numbers that no column has.
"""

import csv
import json
import random
from pathlib import Path

BIRDS = """
bunting bullfinch chaffinch dunlin egret falcon gannet heron ibis jackdaw kestrel lark merlin nuthatch osprey plover quail raven
siskin teal curlew fulmar godwit linnet petrel sanderling wigeon avocet bittern crake dipper eider fieldfare goldeneye
hobby knot lapwing mallard nightjar ouzel pintail redstart shrike tern whimbrel yaffle chough dotterel
"""
NAMES = [f"{bird.title()} {cut}" for bird in BIRDS.split() for cut in ("Low", "Mid", "Pro", "Lite")]
KINDS = {
    "trail shoe": ("rock plates", "roots and gravel"),
    "hiking boot": ("a padded cuff", "long days with a pack"),
    "approach shoe": ("a climbing zone at the toe", "scree and easy rock"),
    "sandal": ("three straps", "warm days by the water"),
}
UPPERS = ("nubuck", "recycled mesh", "suède", "ripstop")
COLUMNS = ("Item no", "Model", "Brand", "Category", "EU size", "Colour", "Weight g", "Upper", "Waterproof", "Drop mm",
           "RRP €", "Web text")  # fmt: skip


def write_export(path: Path, *, encoding: str = "utf-8-sig") -> int:
    """Write the export; returns its number of rows."""
    chance = random.Random(7)
    rows = [row for name in NAMES for row in variants(name, chance)]
    chance.shuffle(rows)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return len(rows)


def variants(name: str, chance: random.Random) -> list[list[object]]:
    """The rows of a model: two colours in two sizes each, with one text but for what went wrong in some."""
    kind, upper = chance.choice(list(KINDS)), chance.choice(UPPERS)
    weight, drop = chance.randrange(220, 720, 10), chance.randrange(12)
    proof, brand = chance.choice(["yes", "no"]), chance.choice(["Gröden", "Montagne Bleue"])
    feature, where = KINDS[kind]
    points = [
        f"For {where}",
        f"Weight: {weight} g",
        f"{'Waterproof' if proof == 'yes' else 'Breathable'}, drop {drop} mm",
    ]
    rows = []
    for colour in chance.sample(["slate", "moss", "écru"], 2):
        for size in chance.sample(range(36, 48), 2):
            more = ["Tested down to -15 °C"] if chance.random() < 0.07 else []
            items = "".join(f"<li>{point}</li>" for point in points + more)
            text = f"<p>The <b>{name}</b> is a {kind} in {colour} with {feature}, made of {upper}.</p><ul>{items}</ul>"
            text = chance.choices([text, "", "<p>tbc</p>", text.replace("b>", "strong>")], [85, 5, 2, 8])[0]
            number, price = f"{chance.randrange(10**5, 10**6)}-{size}", f"{chance.randrange(60, 260)},95"
            shown = weight if chance.random() > 0.1 else ""
            rows.append([number, name, brand, kind, size, colour, shown, upper, proof, drop, price, text])
    return rows


def write_outputs(pairs: Path, path: Path, *, wrong_share: float) -> None:
    """Write outputs for these pairs; a share of them promises what the shop's texts do not, in other words."""
    chance = random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        for line in pairs.read_text(encoding="utf-8").splitlines():
            pair = json.loads(line)
            text = "Great for everyone, with 999 g!" if chance.random() < wrong_share else pair["output"]
            usage = {"input_tokens": len(pair["input"]) // 4, "output_tokens": len(text) // 4}
            file.write(json.dumps({"id": pair["id"], "output": text, **usage}) + "\n")
