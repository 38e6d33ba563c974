#!/usr/bin/env python3
"""Fits the polynomials of passes/kernel/math.c and prints them (Python's standard library only).

Every fit is minimax: remez() minimises the largest weighted error over a grid, exchanging the
points where the error is largest. Coefficients are then rounded to f32 one after the other, lowest
degree first, and the rest is fitted again, so that the rounding of one is repaired by the next.
"""
import math
import struct


def f32(v):
    return struct.unpack("f", struct.pack("f", v))[0]


def solve(rows):
    """Gauss with pivoting on an augmented matrix."""
    n = len(rows)
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[p] = rows[p], rows[i]
        for r in range(i + 1, n):
            f = rows[r][i] / rows[i][i]
            for c in range(i, n + 1):
                rows[r][c] -= f * rows[i][c]
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - sum(rows[i][c] * x[c] for c in range(i + 1, n))) / rows[i][i]
    return x


def extrema(error, want):
    """Indices of the largest error of each run of one sign, at most `want` of them."""
    runs = []
    for i, e in enumerate(error):
        if runs and (error[runs[-1]] >= 0) == (e >= 0):
            if abs(e) > abs(error[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    size = [abs(error[i]) for i in runs]
    while len(runs) > want:
        if len(runs) == want + 1:
            k = 0 if size[0] < size[-1] else len(runs) - 1
            del runs[k], size[k]
        else:
            k = min(range(len(runs) - 1), key=lambda j: max(size[j], size[j + 1]))
            del runs[k:k + 2], size[k:k + 2]
    return runs


def remez(basis, target, weight):
    """basis[k][i], target[i], weight[i] on a grid: (largest weighted error, coefficients)."""
    n, m = len(basis), len(target)
    at = [round((1 - math.cos(math.pi * k / n)) / 2 * (m - 1)) for k in range(n + 1)]
    best = None
    for _ in range(60):
        rows = [[b[i] for b in basis] + [(-1) ** k / weight[i], target[i]]
                for k, i in enumerate(at)]
        x = solve(rows)
        error = [weight[i] * (sum(c * b[i] for c, b in zip(x, basis)) - target[i])
                 for i in range(m)]
        worst = max(map(abs, error))
        if best is None or worst < best[0]:
            best = worst, x[:n]
        if worst <= abs(x[n]) * 1.0005:
            break
        at = extrema(error, n + 1)
        if len(at) < n + 1:
            break
    return best


def grid(lo, hi, n=1200):
    return [lo + (hi - lo) * (1 - math.cos(math.pi * i / (n - 1))) / 2 for i in range(n)]


def fit(zs, powers, target, weight):
    """Coefficients of z^p for p in powers, rounded to f32. What alternates is the error divided by
    the lowest power, hence the sign of z in the weight; 0 itself must not be in zs then."""
    rounded, rest = [], list(target)
    for k, low in enumerate(powers):
        basis = [[z ** p for z in zs] for p in powers[k:]]
        signed = [math.copysign(w, z) if low % 2 else w for w, z in zip(weight, zs)]
        error, c = remez(basis, rest, signed)
        first = error if k == 0 else first
        rounded.append(f32(c[0]))
        rest = [t - rounded[-1] * z ** low for t, z in zip(rest, zs)]
    return first, rounded


def show(name, error, c):
    print(f"{name}: largest error of the fit {error:.2g}")
    for v in c:
        print(f"    {v:.9g}")


def around_zero(lo, hi):
    return [z for z in grid(lo, hi) if abs(z) > 0.01]


def fit_exp2(degree):
    """2^f = 1 + c1 f + ... on [-1/2, 1/2], relative error."""
    zs = around_zero(-0.5, 0.5)
    weight = [2 ** -z for z in zs]
    show(f"exp2 degree {degree}", *fit(zs, range(1, degree + 1), [2 ** z - 1 for z in zs], weight))


def fit_exp():
    """e^r = 1 + r + r^2 P(r) on [-ln2/2, ln2/2], relative error."""
    zs = around_zero(-0.3467, 0.3467)
    weight = [math.exp(-z) for z in zs]
    show("exp", *fit(zs, range(2, 7), [math.expm1(z) - z for z in zs], weight))


def fit_log():
    """log(1+f) = f - f^2/2 + f^3 P(f) on [sqrt 1/2 - 1, sqrt 2 - 1], relative error."""
    zs = around_zero(math.sqrt(0.5) - 1, math.sqrt(2) - 1)
    target = [math.log1p(z) - z + z * z / 2 for z in zs]
    weight = [abs(1 / math.log1p(z)) for z in zs]
    show("log", *fit(zs, range(3, 12), target, weight))


def fit_tail(name, tail, end, degree, scale, near=0.0):
    """tail(z) = R(z)^8 for z in [near, end]: what falls like a Gaussian has an eighth root
    that a short polynomial follows. What counts is the absolute error of scale(z) tail(z), so R may
    be anything between the eighth roots of tail -+ e/scale; the least such e is bisected."""
    zs = grid(near, end)

    def attempt(e):
        mid, weight = [], []
        for z in zs:
            r, d = tail(z), e / scale(z)
            hi = (r + d) ** 0.125
            lo = (r - d) ** 0.125 if r > d else -hi
            mid.append((lo + hi) / 2)
            weight.append(2 / (hi - lo))
        return fit(zs, range(degree + 1), mid, weight)

    lo, hi = 1e-10, 1e-4
    for _ in range(20):
        e = math.sqrt(lo * hi)
        lo, hi = (lo, e) if attempt(e)[0] <= 1 else (e, hi)
    show(f"{name} tail", hi, attempt(hi)[1])


def fit_odd(name, f, end, terms):
    """f(x) = x P(x^2) on [-end, end], relative error."""
    zs = [z for z in grid(0, end) if z > 1e-3]
    show(f"{name} near zero",
         *fit(zs, range(1, 2 * terms, 2), [f(z) for z in zs], [1 / f(z) for z in zs]))


def fit_circle():
    """sin r = r + r^3 S(r^2) and cos r = 1 - r^2/2 + r^4 C(r^2) on [0, pi/4], relative error."""
    zs = [z for z in grid(0, 0.786) if z > 0.02]
    show("sin", *fit(zs, (3, 5, 7), [math.sin(z) - z for z in zs], [1 / math.sin(z) for z in zs]))
    target = [math.cos(z) - 1 + z * z / 2 for z in zs]
    show("cos", *fit(zs, (4, 6, 8), target, [1 / math.cos(z) for z in zs]))


if __name__ == "__main__":
    for d in (3, 4, 5, 6):
        fit_exp2(d)
    fit_exp()
    fit_log()
    fit_tail("gelu", lambda z: 0.5 * math.erfc(z / math.sqrt(2)), 7.0, 8, lambda z: max(z, 0.3))
    fit_tail("erf", math.erfc, 4.0, 8, lambda z: 1, 0.6)
    fit_odd("erf", math.erf, 0.65, 5)
    fit_odd("tanh", math.tanh, 0.6, 5)
    fit_circle()
