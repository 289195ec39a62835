"""Writes word-problems.parquet: four rows in snappy, in two row groups, as the hub's data sets are written.

    python test/goldens/make-parquet.py

Made with pyarrow 26.0.1.
"""

import pathlib

import pyarrow
import pyarrow.parquet

table = pyarrow.table(
    {
        "question": ["What is 1+1?", "What is 5−8?", "Half of €7?", "How many?"],
        "answer": ["1+1 = <<1+1=2>>2\n#### 2", "#### -3", "7/2 = 3.5\n#### 3.5", None],
        "gold": pyarrow.array([2, -3, 3, None], pyarrow.int64()),
        "tags": [["easy"], [], ["easy", "money"], None],
    }
)
path = pathlib.Path(__file__).parent / "word-problems.parquet"
pyarrow.parquet.write_table(table, path, compression="snappy", row_group_size=2)
