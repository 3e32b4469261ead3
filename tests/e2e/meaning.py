"""Python is asked whether pkg/review is right: two texts that it calls the same must have the same syntax
tree, but for docstrings and the order of imports.

    meaning.py HELPER [COUNT]

COUNT random changes (a token taken out, put in twice, exchanged, a space more or less) of real revision
files. And what ast.unparse writes anew must mean the same.
"""
import ast
import difflib
import io
import random
import subprocess
import sys
import tempfile
import tokenize
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
ROOT = Path(__file__).resolve().parents[2]
warnings.simplefilter("ignore")  # of what random changes look like
PIECES = ["(", ")", ",", "'", '"', "\n", " ", "    ", "#", "not ", "r", "f", "b", "\\", ";", "=", "+", "1", "x", ":", "[", "]", "(x,)", "'a' 'b'",
          "'''", "\t", "if x: y(); z()\n", "a = (1,)\n", "f(a,)\n", "x[1,]\n", "pass\n", "return (1)\n"]


class Plain(ast.NodeTransformer):
    """Without statements that are nothing but a string."""

    def generic_visit(self, node):
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                setattr(node, field, [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)
                                                              and isinstance(s.value.value, str))])
        return node


def tree(text):
    try:
        top = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    imports = sorted({f"{getattr(s, 'module', '')} {n.name} {n.asname}" for s in top.body
                      if isinstance(s, (ast.Import, ast.ImportFrom)) for n in s.names})
    rest = ast.Module([s for s in top.body if not isinstance(s, (ast.Import, ast.ImportFrom))], [])
    return str(imports) + ast.dump(Plain().visit(rest))


def change(text, dice):
    try:
        spans = [(t.start, t.end) for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.string]
    except (tokenize.TokenError, SyntaxError):
        return None
    lines = text.splitlines(keepends=True)
    start, end = dice.choice(spans)
    at = [sum(map(len, lines[:row - 1])) + column for row, column in (start, end)]
    piece = text[at[0]:at[1]]
    kind = dice.randrange(4)
    if kind == 0:
        return text[:at[0]] + text[at[1]:]
    if kind == 1:
        return text[:at[1]] + dice.choice(["", " ", "\n"]) + piece + text[at[1]:]
    if kind == 2:
        other = dice.choice(PIECES)
        return text[:at[0]] + other + text[at[1]:]
    return text[:at[dice.randrange(2)]] + dice.choice(PIECES) + text[at[1] if dice.random() < .2 else at[0]:]


def main():
    from integrity_files import FILES
    helper, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    dice = random.Random(20261123)
    texts = list(FILES.values()) + [p.read_text() for p in ROOT.glob("containers/notebook-api/backend/db/migrations/versions/*.py")]
    pairs = [(text, ast.unparse(ast.parse(text)), True) for text in texts]
    while len(pairs) < count:
        text = dice.choice(texts)
        other = change(text, dice)
        if other and other != text and tree(other):
            pairs.append((text, other, None))
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, (a, b, _) in enumerate(pairs):
            Path(folder, f"{i}a").write_text(a)
            Path(folder, f"{i}b").write_text(b)
            names.append(f"{folder}/{i}a\t{folder}/{i}b\n")
        said = subprocess.run([helper], input="".join(names), capture_output=True, text=True, check=True).stdout.split()
    wrong, same, equal = 0, 0, 0
    for (a, b, must), answer in zip(pairs, said, strict=True):
        is_equal = tree(a) == tree(b)
        same += answer == "same"
        equal += is_equal
        if (answer == "same" and not is_equal) or (must and answer != "same"):
            wrong += 1
            print(f"called {answer}, and is {'the same' if is_equal else 'not'}:")
            print(*difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=0), sep="\n")
    print(f"{len(pairs)} pairs: {same} called the same, {equal} are, {wrong} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
