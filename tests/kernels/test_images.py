"""Errors, PSNR and SSIM against their definitions, written out pixel by pixel, and against scikit-image."""

import math

import numpy as np
import pytest

from gscli import _core
from gscli.kernels import images
from gscli.kernels.images import errors, mean_squared_error, psnr, ssim, trainers_psnr, trainers_ssim

pytestmark = pytest.mark.usefixtures("kernels")

B, S = images.ROWS, images.STRIP
SIZES = [
    *((size, 31 - size) for size in range(11, 21)),
    *((11, 11), (23, 64), (64, 65), (B + 10, 11), (B + 11, 12), (2 * B + 11, 13)),
    *((12, S + 10), (12, S + 11), (11, 2 * S + 13)),
]


def window():
    g = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    return np.outer(g, g) / g.sum() ** 2


def similarity(a, b, data_range):
    """SSIM of one window."""
    ma, mb = (window() * a).sum(), (window() * b).sum()
    va, vb = (window() * (a - ma) ** 2).sum(), (window() * (b - mb) ** 2).sum()
    cov = (window() * (a - ma) * (b - mb)).sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))


def ssim_twin(a, b, data_range=1.0):
    a, b = (image.astype(np.float64).reshape(*image.shape[:2], -1) for image in (a, b))
    return np.mean(
        [
            similarity(a[y : y + 11, x : x + 11, c], b[y : y + 11, x : x + 11, c], data_range)
            for y in range(a.shape[0] - 10)
            for x in range(a.shape[1] - 10)
            for c in range(a.shape[2])
        ]
    )


def errors_twin(a, b, alpha_a, alpha_b):
    squares = front = count = alpha = 0.0
    for y, x in np.ndindex(a.shape[:2]):
        error = float(((np.atleast_1d(a[y, x]).astype(np.float64) - b[y, x]) ** 2).sum())
        seen = max(alpha_a[y, x], alpha_b[y, x]) > np.float32(1 / 255)
        squares, front, count = squares + error, front + seen * error, count + seen
        alpha += abs(float(alpha_a[y, x]) - float(alpha_b[y, x]))
    return squares, a.size, front, count * (a.size // alpha_a.size), alpha


def pair(shape, kind=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.random(shape).astype(kind)
    return a, (0.7 * a + 0.3 * rng.random(shape)).astype(kind)


def alphas(shape, seed=0):
    """Half of them hidden: at the limit, below it or zero."""
    rng = np.random.default_rng(seed)
    hidden = np.array([0, 0.003, 1 / 255], np.float32)
    return [
        np.where(rng.random(shape) < 0.7, hidden[rng.integers(0, 3, shape)], rng.random(shape)).astype("f4")
        for _ in range(2)
    ]


def drawn(shape):
    """Two pictures of integers, the same everywhere."""
    y, x, c = np.indices(shape)
    smooth = ((3 * y + 5 * x + 11 * c) % 97) / 96
    rough = ((y * y * 7 + x * x * 13 + x * y * 31 + c * 17) % 101) / 100
    return (
        (0.8 * smooth + 0.2 * rough).astype(np.float32),
        (0.7 * smooth + 0.2 * rough[::-1] + 0.05).astype(np.float32),
    )


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_ssim_is_its_definition(size, kind):
    a, b = pair(size, kind)
    assert ssim(a, b) == pytest.approx(ssim_twin(a, b), abs=1e-12)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_range", [0.25, 3.0])
def test_ssim_of_channels_is_their_mean(channels, data_range):
    a, b = pair((14, 60, channels))
    assert ssim(a, b, data_range) == pytest.approx(ssim_twin(a, b, data_range), abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "data_range", "similar", "decibels"),
    [
        ((11, 11, 3), 1.0, 0.6892809809741204, 21.923941031117394),
        ((11, 11, 3), 2.5, 0.7535055640517196, 29.882741204558148),
        ((16, 23, 3), 1.0, 0.756052613859675, 21.0496358380164),
        ((16, 23, 3), 2.5, 0.8007251597189056, 29.008436011457157),
        ((64, 65, 3), 1.0, 0.7274777071328602, 21.117784348240008),
        ((64, 65, 3), 2.5, 0.7807644361988015, 29.076584521680765),
        ((20, 80, 1), 1.0, 0.7370923742437937, 21.11338712275952),
        ((20, 80, 1), 2.5, 0.7872255523408936, 29.072187296200273),
    ],
)
def test_both_are_those_of_scikit_image(shape, data_range, similar, decibels):
    """By scikit-image 0.26 of the same numbers in float64.

    structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=...,
    channel_axis=2) and peak_signal_noise_ratio(a, b, data_range=...).
    """
    a, b = drawn(shape)
    assert ssim(a, b, data_range) == pytest.approx(similar, abs=1e-12)
    assert psnr(mean_squared_error(a, b), data_range) == pytest.approx(decibels, abs=1e-10)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (10, 40), (40, 10)])
def test_what_holds_no_window_has_no_ssim(size):
    assert ssim(*pair(size)) is None
    assert ssim(*pair((*size, 3))) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (5, 30), (13, 17), (10, 3, 3)])
def test_trainers_count_zeros_beyond_the_border(size):
    a, b = pair(size)
    border = [(5, 5), (5, 5), (0, 0)][: len(size)]
    wanted = ssim_twin(np.pad(a, border), np.pad(b, border), 0.5)
    assert trainers_ssim(a, b, 0.5) == pytest.approx(wanted, abs=1e-12)


def test_trainers_divide_by_the_range():
    a, b = pair((20, 24, 3))
    for measure in (trainers_psnr, trainers_ssim):
        assert measure(4 * a, 4 * b, 4.0) == pytest.approx(measure(a, b), rel=1e-12)


def test_an_image_is_like_itself_and_unlike_its_negative():
    image = np.random.default_rng(2).random((32, 32)).astype(np.float32)
    assert ssim(image, image) == 1
    assert trainers_ssim(image, image) == 1
    assert ssim(image, 1 - image) < 0
    assert psnr(mean_squared_error(image, image)) is None
    assert trainers_psnr(image, image) == pytest.approx(80)


def test_flat_images_do_not_cancel():
    """Variances are small differences of large numbers."""
    flat = np.full((40, 40), 1000, np.float32)
    flat[20, 20] += np.float32(0.01)
    other = np.full((40, 40), 1000, np.float32)
    assert ssim(flat, other) == pytest.approx(ssim_twin(flat, other), abs=1e-6)


def test_psnr_of_a_known_error():
    image = np.full((4, 4), 0.5)
    assert psnr(mean_squared_error(image, image + 0.1)) == pytest.approx(20)
    assert psnr(0.01, 10.0) == pytest.approx(40)
    assert trainers_psnr(image, image + 0.1) == pytest.approx(10 * math.log10(1 / (0.01 + 1e-8)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9, 3), (17, 23, 3), (B, 64, 1), (2 * B + 1, 5, 4), (65, 66)])
def test_errors_are_their_definition(shape, kind):
    a, b = pair(shape, kind)
    p, q = alphas(shape[:2])
    wanted = errors_twin(a, b, p, q)
    assert errors(a, b, p, q) == pytest.approx(wanted, rel=1e-12)
    without = errors(a, b)
    assert without[:2] == pytest.approx(wanted[:2], rel=1e-12)
    assert without[2:] == (0, 0, 0)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("behind", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("shape", [(1, 9, 3), (B + 1, 23, 3), (17, 30, 1)])
def test_colours_are_put_on_what_is_behind_and_clipped(shape, behind, kind):
    """As they would be saved."""
    a, b = (3 * image - 1 for image in pair(shape, kind))
    p, q = alphas(shape[:2])
    shown = [
        (image + (1 - alpha)[..., None] * np.float32(behind)).clip(0, 1) for image, alpha in ((a, p), (b, q))
    ]
    assert errors(a, b, p, q, behind=behind) == errors(*shown, p, q)
    assert errors(a, b, p, q, behind=behind).squares < errors(a, b, p, q).squares


@pytest.mark.parametrize(
    ("shape", "alpha", "behind"),
    [((4, 4), (4, 4), 0.0), ((4, 4, 3), None, 0.0), ((4, 4, 3), (4, 4), -0.1), ((4, 4, 3), (4, 4), math.nan)],
)
def test_what_cannot_be_put_on_a_background_is_refused(shape, alpha, behind):
    image, given = np.zeros(shape, np.float32), None if alpha is None else np.zeros(alpha, np.float32)
    with pytest.raises(ValueError, match="cannot be put on a background"):
        errors(image, image, given, given, behind=behind)


def test_what_is_at_the_limit_is_no_foreground():
    a, b = pair((2, 2))
    limit = np.full((2, 2), 1 / 255, np.float32)
    beyond = limit.copy()
    beyond[1, 1] = np.nextafter(limit[1, 1], np.float32(1))
    assert errors(a, b, limit, limit).front_values == 0
    assert errors(a, b, limit, beyond).front_values == 1
    assert errors(a, b, beyond, limit).front == pytest.approx(float(a[1, 1] - b[1, 1]) ** 2, rel=1e-6)


def test_images_are_taken_in_any_layout():
    a, b = pair((40, 30, 3))
    wanted = ssim(a, b), errors(a, b)
    for change in (
        lambda image: np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 2, 0)), 0, 2),
        lambda image: np.asfortranarray(image),
        lambda image: np.repeat(image, 2, axis=1)[:, ::2],
        lambda image: image.astype(">f4"),
        lambda image: np.frombuffer(b"\0" + image.tobytes(), np.uint8)[1:].view("f4").reshape(image.shape),
    ):
        assert (ssim(change(a), change(b)), errors(change(a), change(b))) == wanted


def test_images_stay_as_they_are():
    a, b = pair((20, 20, 3))
    p, q = alphas((20, 20))
    for image in (a, b, p, q):
        image.flags.writeable = False
    copies = [image.copy() for image in (a, b, p, q)]
    ssim(a, b)
    trainers_ssim(a, b)
    errors(a, b, p, q)
    assert all((one == other).all() for one, other in zip((a, b, p, q), copies, strict=True))


@pytest.mark.parametrize(
    ("a", "b"), [((11, 11), (11, 12)), ((11, 11, 3), (11, 11)), ((0, 4), (0, 4)), ((3,), (3,))]
)
def test_other_shapes_are_refused(a, b):
    for measure in (ssim, errors, trainers_ssim, trainers_psnr):
        with pytest.raises(ValueError, match="images of shapes"):
            measure(np.zeros(a, np.float32), np.zeros(b, np.float32))


@pytest.mark.parametrize("given", [(None, (4, 4)), ((4, 4), None), ((4, 5), (4, 4)), ((4, 4), (4, 4, 1))])
def test_alphas_of_other_shapes_are_refused(given):
    a = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(ValueError, match="alphas that do not go with"):
        errors(a, a, *(None if shape is None else np.zeros(shape, np.float32) for shape in given))


@pytest.mark.compiled
@pytest.mark.parametrize(
    "shape", [(11, 11), (75, 64, 3), (2 * B + 30, 65), (23, S + 37, 4), (B + 10, S + 11)]
)
def test_neither_threads_nor_compiled_kernels_change_a_bit(shape, monkeypatch):
    a, b = pair(shape, seed=7)
    p, q = alphas(shape[:2])
    said = set()
    for available in (True, False):
        monkeypatch.setattr(_core, "available", lambda available=available: available)
        for threads in "125":
            monkeypatch.setenv("GSCLI_THREADS", threads)
            said.add((ssim(a, b), trainers_ssim(a, b), errors(a, b, p, q)))
    assert len(said) == 1
