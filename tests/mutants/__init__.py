"""The code broken on purpose, one small slip at a time: what would notice?

    python -m tests.mutants                      # all of them; a table, and a score per layer
    python -m tests.mutants --sample 12          # a draw, by date
    python -m tests.mutants --only lease         # those whose names, or faults, contain a text
    python -m tests.mutants --simulation-only    # does the simulation alone notice?

`mutant` says what a mutant is, `listed` has them all by layer; `copies` are trees to break, `trying` tries
mutants in them, and `told` says what came of it.
"""
