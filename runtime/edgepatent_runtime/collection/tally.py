"""How many patents have which values: one statement for every store that keeps facts in SQL."""

from collections.abc import Mapping, Sequence

from edgepatent_runtime.collection import terms

_TERMS = (terms.APPLICANT, terms.COUNTRY, terms.USPC, terms.USPC_CLASS)


def statement(
    fields: Sequence[str], condition: str, columns: Mapping[str, str], collation: str = ""
) -> str:
    """The SQL that counts the patents of each combination of values, the count first.

    ``columns`` has the expression of each field that is no term, ``condition`` is on ``patents``,
    and ``collation`` orders the spellings of a term, of which the first stands for all.
    """
    selected, groups, joins = ["count(*)"], [], ""
    for field in fields:
        if field in _TERMS:
            name = field.replace(" ", "_")
            joins += (
                f" LEFT JOIN terms AS {name} ON {name}.patent = patents.id "
                f"AND {name}.kind = '{field}'"
            )
            selected.append(f"min({name}.value{collation})")
            groups.append(f"{name}.key")
        else:
            selected.append(columns[field])
            groups.append(columns[field])
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f"SELECT {', '.join(selected)} FROM patents{joins} WHERE {condition}{grouped}"
