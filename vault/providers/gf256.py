"""Splitting a secret so that any k of n parts give it back and k - 1 tell nothing (Shamir 1979).

Each byte is the constant term of a polynomial of degree k - 1 over GF(2^8), reduced by x^8 + x^4 + x^3 + x + 1;
part number x, from 1 on, is its value there. The other coefficients are uniformly random, the leading one too:
that it may be 0 is what makes k - 1 parts independent of the secret. No table is indexed and no branch taken by
a secret, so that neither caches nor timing tell; how Python adds small integers is beyond us.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import reduce
from operator import xor

MAX_PARTS = 255


def multiply(a: int, b: int) -> int:
    """The product of two field elements, eight steps whatever they are."""
    product = 0
    for _ in range(8):
        product ^= -(b & 1) & a
        a = (a << 1) ^ (-(a >> 7) & 0x11B)
        b >>= 1
    return product


def invert(a: int) -> int:
    """The inverse as a^254, by squaring; 0 gives 0."""
    power = square = multiply(a, a)
    for _ in range(6):
        square = multiply(square, square)
        power = multiply(power, square)
    return power


def split(
    secret: bytes, k: int, n: int, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> list[bytes]:
    """The parts 1 to `n`, each as long as the secret; any `k` of them combine. Fresh coefficients every time."""
    if not 2 <= k <= n <= MAX_PARTS:
        raise ValueError("2 <= k <= n <= 255 must hold")
    coefficients = [secret, *(entropy(len(secret)) for _ in range(k - 1))]
    return [_evaluate(coefficients, x) for x in range(1, n + 1)]


def combine(parts: Sequence[tuple[int, bytes]]) -> bytes:
    """The secret behind parts (number, bytes), by interpolation at 0. Too few or wrong parts give other bytes.

    Raises ValueError when numbers repeat or lengths differ.
    """
    numbers = [x for x, _ in parts]
    if len(set(numbers)) != len(parts) or len({len(y) for _, y in parts}) != 1:
        raise ValueError("the parts must have different numbers and one length")
    weights = [_weight(x, numbers) for x in numbers]
    return bytes(
        reduce(xor, map(multiply, weights, column)) for column in zip(*(y for _, y in parts), strict=True)
    )


def _evaluate(coefficients: Sequence[bytes], x: int) -> bytes:
    value = bytes(len(coefficients[0]))
    for coefficient in reversed(coefficients):
        value = bytes(multiply(have, x) ^ add for have, add in zip(value, coefficient, strict=True))
    return value


def _weight(x: int, numbers: Sequence[int]) -> int:
    """Lagrange's basis polynomial of `x` at 0; only the public numbers of the parts are in it."""
    weight = 1
    for other in numbers:
        if other != x:
            weight = multiply(weight, multiply(other, invert(other ^ x)))
    return weight
