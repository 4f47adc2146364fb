"""Gaussians into footprints on a picture: what `gscli.kernels.footprints` launches.

The twin of ``_core/raster_project.h``, formula by formula. A program takes some Gaussians, reads once what it
needs of them, and writes once what is drawn of them.
"""

import triton
import triton.language as tl

STEEP = tl.constexpr(-0.7213475204444817)  # log2 of e^(-1/2)
ROOT = tl.constexpr(2.5066282746310002)  # of 2 pi
LEAST_SHARE = tl.constexpr(2.5e-5)  # of its opacity that the low-pass filter leaves a Gaussian, squared
BRIGHTEST = tl.constexpr(1e30)  # infinite colours would be NaN behind what is opaque
MIDDLE = tl.constexpr(
    0.4
)  # pixels: a footprint that ends before the middle of the outermost pixel is not seen
TURN, FX, FY, CX, CY, NEAR, WIDTH, HEIGHT, HARMONICS = (tl.constexpr(at) for at in (3, *range(12, 20)))


@triton.jit
def _of(lens, place: tl.constexpr):
    """A number of the camera, or a factor of harmonics."""
    return tl.load(lens + place).to(tl.float32)


@triton.jit
def _along(lens, row: tl.constexpr, x, y, z):
    """How far a vector leads to the right (0), down (1) or forward (2), in the type of the vector."""
    a = tl.load(lens + TURN + 3 * row).to(x.dtype)
    b = tl.load(lens + TURN + 3 * row + 1).to(x.dtype)
    c = tl.load(lens + TURN + 3 * row + 2).to(x.dtype)
    return a * x + b * y + c * z


@triton.jit
def _axis(lens, x, y, z, size):
    """A scaled axis as the camera sees it."""
    x, y, z = x * size, y * size, z * size
    return _along(lens, 0, x, y, z), _along(lens, 1, x, y, z), _along(lens, 2, x, y, z)


@triton.jit
def _size(scales, inside, RAW: tl.constexpr):
    size = tl.load(scales, inside, 0.0)
    return tl.exp(size) if RAW else size


@triton.jit
def _finite(x):
    return tl.abs(x) < float("inf")


@triton.jit
def _lit(color, share, place, next_channel, inside):
    """Three channels with a harmonic's share added."""
    red, green, blue = color
    red += share * tl.load(place, inside, 0.0)
    green += share * tl.load(place + next_channel, inside, 0.0)
    blue += share * tl.load(place + 2 * next_channel, inside, 0.0)
    return red, green, blue


@triton.jit
def _shades(colors, lens, x, y, z, i, n, inside, DEGREE: tl.constexpr):
    """The colours along a unit vector; Legendre functions come by recurrence in the degree."""
    wide: tl.constexpr = DEGREE + 1
    cos, sin, zero = x * 0 + 1, x * 0, x * 0
    color = (zero, zero, zero)
    at, next_channel = colors + i, n * (wide * wide)
    for m in tl.static_range(wide):
        if m > 0:
            cos, sin = x * cos - y * sin, x * sin + y * cos
        before, now = zero, zero + _of(lens, HARMONICS + 2 * (m * wide + m))
        for d in tl.static_range(m, wide):
            if d > m:
                up = _of(lens, HARMONICS + 2 * (m * wide + d))
                fall = _of(lens, HARMONICS + 2 * (m * wide + d) + 1)
                before, now = now, up * (z * now - fall * before)
            if m > 0:
                color = _lit(color, now * sin, at + n * (d * d + d - m), next_channel, inside)
            color = _lit(color, now * cos, at + n * (d * d + d + m), next_channel, inside)
    return color


@triton.jit(do_not_specialize=["N"])
def project(
    positions, opacities, scales, rotations, colors, lens, records, keys, N,
    RAW: tl.constexpr, ANTIALIASED: tl.constexpr, XRAY: tl.constexpr, PARALLEL: tl.constexpr,
    DEGREE: tl.constexpr, CUT: tl.constexpr, LOW: tl.constexpr, NOWHERE: tl.constexpr,
    FIELDS: tl.constexpr, B: tl.constexpr,
):  # fmt: skip
    """Write the records of N Gaussians that are seen, and of all of them a key to be sorted by.

    The key is the bits of a depth, of X-rays 0, and NOWHERE of what is not seen.
    """
    i = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    n = N.to(tl.int64)
    inside = i < n
    x = tl.load(positions + i, inside, 0.0).to(tl.float64) - tl.load(lens)
    y = tl.load(positions + n + i, inside, 0.0).to(tl.float64) - tl.load(lens + 1)
    z = tl.load(positions + 2 * n + i, inside, 0.0).to(tl.float64) - tl.load(lens + 2)
    across = _along(lens, 0, x, y, z).to(tl.float32)  # rounded once, as everywhere
    down = _along(lens, 1, x, y, z).to(tl.float32)
    depth = _along(lens, 2, x, y, z).to(tl.float32)
    peak = tl.load(opacities + i, inside, 0.0)
    if RAW:
        peak = 1 / (1 + tl.exp(-peak))
    seen = inside & (depth > _of(lens, NEAR)) & (peak > (0.0 if XRAY else CUT)) & _finite(depth)

    qw, qx = tl.load(rotations + i, seen, 1.0), tl.load(rotations + n + i, seen, 0.0)
    qy, qz = tl.load(rotations + 2 * n + i, seen, 0.0), tl.load(rotations + 3 * n + i, seen, 0.0)
    largest = tl.maximum(tl.maximum(tl.abs(qw), tl.abs(qx)), tl.maximum(tl.abs(qy), tl.abs(qz)))
    seen = seen & (largest > 0) & _finite(largest)
    largest, depth = tl.where(seen, largest, 1.0), tl.where(seen, depth, 1.0)
    qw, qx, qy, qz = qw / largest, qx / largest, qy / largest, qz / largest
    length = tl.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)
    qw, qx, qy, qz = qw / length, qx / length, qy / length, qz / length
    size = _size(scales + i, seen, RAW)
    r0, d0, f0 = _axis(
        lens, 1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy + qw * qz), 2 * (qx * qz - qw * qy), size
    )
    size = _size(scales + n + i, seen, RAW)
    r1, d1, f1 = _axis(
        lens, 2 * (qx * qy - qw * qz), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz + qw * qx), size
    )
    size = _size(scales + 2 * n + i, seen, RAW)
    r2, d2, f2 = _axis(
        lens, 2 * (qx * qz + qw * qy), 2 * (qy * qz - qw * qx), 1 - 2 * (qx * qx + qy * qy), size
    )

    fx, fy, cx, cy = _of(lens, FX), _of(lens, FY), _of(lens, CX), _of(lens, CY)
    width, height = _of(lens, WIDTH), _of(lens, HEIGHT)
    if PARALLEL:
        u, v = fx * across + cx, fy * down + cy
        px, py, zoom_x, zoom_y = across * 0, across * 0, across * 0 + fx, across * 0 + fy
    else:  # by exact division, as a thousandth of a pixel is seen
        px, py = tl.div_rn(across, depth), tl.div_rn(down, depth)
        zoom_x, zoom_y = fx / depth, fy / depth
        u, v = fx * px + cx, fy * py + cy
        # Farther out the affine approximation is none.
        px = tl.minimum(tl.maximum(px, (-0.15 * width - cx) / fx), (1.15 * width - cx) / fx)
        py = tl.minimum(tl.maximum(py, (-0.15 * height - cy) / fy), (1.15 * height - cy) / fy)
    g0, g1, g2 = (r0 - px * f0) * zoom_x, (r1 - px * f1) * zoom_x, (r2 - px * f2) * zoom_x
    h0, h1, h2 = (d0 - py * f0) * zoom_y, (d1 - py * f1) * zoom_y, (d2 - py * f2) * zoom_y
    a, b, c = g0 * g0 + g1 * g1 + g2 * g2, g0 * h0 + g1 * h1 + g2 * h2, h0 * h0 + h1 * h1 + h2 * h2
    n0, n1, n2 = g1 * h2 - g2 * h1, g2 * h0 - g0 * h2, g0 * h1 - g1 * h0
    flat = n0 * n0 + n1 * n1 + n2 * n2
    determinant = flat + (a + c) * LOW + LOW * LOW
    a, c = a + LOW, c + LOW
    seen = seen & (determinant > 0) & (c > 0) & _finite(determinant) & _finite(c)
    determinant, c = tl.where(seen, determinant, 1.0), tl.where(seen, c, 1.0)
    if XRAY:  # the line integral through the middle, sqrt(2 pi det3 / det2)
        along = n0 * (px * r0 + py * d0 + f0) + n1 * (px * r1 + py * d1 + f1) + n2 * (px * r2 + py * d2 + f2)
        peak *= tl.abs(along) * ROOT / (tl.sqrt(px * px + py * py + 1) * tl.sqrt(determinant))
    elif ANTIALIASED:
        peak *= tl.sqrt(tl.maximum(flat / determinant, LEAST_SHARE))
    shear, kx, ky = b / c, c / determinant * STEEP, 1 / c * STEEP
    seen = seen & (peak > CUT) & _finite(peak) & (kx < 0) & _finite(kx) & (ky < 0) & _finite(shear)
    reach = 2 * tl.log(
        tl.where(seen, peak / CUT, 1.0)
    )  # squared, in deviations, at which it gives what is cut
    wide, tall = tl.sqrt(reach * a), tl.sqrt(reach * c)
    seen = seen & (u + wide > MIDDLE) & (u - wide < width - MIDDLE)
    seen = seen & (v + tall > MIDDLE) & (v - tall < height - MIDDLE)

    tl.store(keys + i, tl.where(seen, 0 if XRAY else depth.to(tl.int32, bitcast=True), NOWHERE), inside)
    to = records + i * FIELDS
    tl.store(to, u, seen)
    tl.store(to + 1, v, seen)
    tl.store(to + 2, shear, seen)
    tl.store(to + 3, kx, seen)
    tl.store(to + 4, ky, seen)
    tl.store(to + 5, peak, seen)
    tl.store(to + 6, depth, seen)
    if not XRAY:
        red, green, blue = peak * 0, peak * 0, peak * 0
        if DEGREE >= 0:
            x, y, z = x.to(tl.float32), y.to(tl.float32), z.to(tl.float32)
            length = tl.sqrt(x * x + y * y + z * z)
            length = tl.where(seen, length, 1.0)
            red, green, blue = _shades(colors, lens, x / length, y / length, z / length, i, n, seen, DEGREE)
            red = tl.minimum(tl.maximum(red + 0.5, 0.0), BRIGHTEST)
            green = tl.minimum(tl.maximum(green + 0.5, 0.0), BRIGHTEST)
            blue = tl.minimum(tl.maximum(blue + 0.5, 0.0), BRIGHTEST)
        tl.store(to + 7, red, seen)
        tl.store(to + 8, green, seen)
        tl.store(to + 9, blue, seen)
