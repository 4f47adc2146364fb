"""DisagreementMonitor: how far two models disagree while they train, computed beside the training.

One module: the calls that fill the queue and the thread that empties it share one lock.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from operator import index
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import arguments
from .. import device as devices
from ..device import is_torch, to_numpy
from ..errors import UsageError
from ..kernels.hashing import is_whole
from ..rendering.views import of_file
from ..results.shown import shown
from ..watching import MATCHED_WITHIN
from ..watching.disagreement import POINTS
from ..watching.drawing import asked
from .measuring import Measurement, MeasuringProcess
from .models import table

if TYPE_CHECKING:
    from typing_extensions import Self

say = logging.getLogger(__name__)
DEATHS = 3  # after so many in a row the monitor gives up


@shown
class DisagreementMonitor:
    """Measures two models in a process of its own, with one thread at low priority.

    Call it with both sets of centres every so many iterations. It copies them and returns; the
    scalars of `gscli.watching.disagreement` come back later and are handed to `log` in the caller's own
    thread, at its next call, `poll` or `close`. Nothing here raises into the training: what goes wrong
    is told through `logging` and counted.

    >>> with DisagreementMonitor(writer) as monitor:  # doctest: +SKIP
    ...     for step in range(30_000):
    ...         train(step)
    ...         if step % 500 == 0:
    ...             monitor(gaussians_a.xyz, gaussians_b.xyz, step)

    Args:
        log: called as ``log(scalars, step)`` with a dict of names and numbers; or an object with
            ``add_scalar(name, number, step)``, such as TensorBoard's SummaryWriter.
        threshold: a centre is matched when its counterpart is nearer than this, in scene units.
        tag: what the names of the centres' scalars begin with.
        queue: how many measurements may wait. One more drops the oldest before it is copied, so that
            memory is bounded by `queue` + 1 copies.
        views, size, cameras, up, fov, near: from where `models` are drawn, as of `gscli.render.render`;
            default 4 views of 400 x 400 around the first model that is drawn, from where they stay.
        harmonics: whether they are drawn with colours that depend on the direction of view.
        device: where the process searches and draws, as of `gscli.compare`, but for ``auto``. On the GPU of
            the training it takes memory and time from it; ``cuda:1`` is another one.

    Attributes:
        dropped: measurements that a newer one pushed out of the queue, or that waited when the monitor
            gave up.
        failed: measurements that could not be made.
        restarts: how often the process died and was started again.

    Raises:
        UsageError: `log` is neither of both, a threshold, queue or device that makes no sense.
        InputError: a file of cameras that cannot be read.
        EngineUnavailable: the device needs what is missing.
    """

    def __init__(
        self,
        log: Callable[[dict[str, float], int], object] | Any,
        *,
        threshold: float = MATCHED_WITHIN,
        tag: str = POINTS,
        queue: int = 4,
        views: int | None = None,
        size: str | Sequence[int] | int | None = None,
        cameras: str | os.PathLike[str] | None = None,
        up: str | None = None,
        fov: float | None = None,
        near: float | None = None,
        harmonics: bool = False,
        device: str = "cpu",
    ) -> None:
        if not (callable(log) or hasattr(log, "add_scalar")):
            raise UsageError("log is neither callable nor has it add_scalar")
        if not (arguments.is_number(threshold) and 0 < threshold < float("inf")):
            raise UsageError(f"`threshold` must be a positive number, not {arguments.spelt(threshold)}")
        if not is_whole(queue) or queue < 1:
            raise UsageError(f"`queue` must hold at least one measurement, not {queue!r}")
        if not isinstance(tag, str):
            raise UsageError(f"`tag` must be a text, not {arguments.told(tag)}")
        arguments.require_flags(harmonics=harmonics)
        self.dropped = self.failed = self.restarts = 0
        self._log = log
        self._threshold, self._tag = float(threshold), tag
        devices.require_named(device, "which GPU has room beside a training is not known")
        devices.resolve(device)
        self._device = device
        wanted = asked(views, size, cameras, up, fov, near)
        if cameras is not None:
            of_file(wanted)  # which raises now what would fail at every step
        self._views = asdict(wanted)
        self._harmonics = harmonics
        self._drawing: dict[str, Any] | None = None
        self._told: set[str] = set()  # troubles
        self._size = index(queue)
        self._pending: deque[Measurement] = deque()
        self._results: deque[tuple[dict[str, float], int]] = deque()
        self._wake = threading.Condition()
        self._closing = self._disabled = False
        self._process = MeasuringProcess()
        self._owner = os.getpid()
        self._thread = threading.Thread(target=self._serve, name="gscli-monitor", daemon=True)
        self._thread.start()
        atexit.register(self.close, 10.0)

    def _facts(self) -> dict[str, object]:
        told = {"threshold": self._threshold, "waiting": len(self._pending)}
        return {**told, "dropped": self.dropped, "failed": self.failed, "restarts": self.restarts}

    def __call__(self, centers_a: Any, centers_b: Any, step: int) -> None:
        """Measure two sets of (N, 3) centres, tensors on any device or arrays, as of `step`."""
        settings = {"threshold": self._threshold, "tag": self._tag, "device": self._device}
        self._submit(
            lambda: Measurement("points", int(step), (_copied(centers_a), _copied(centers_b)), settings), step
        )

    def models(self, model_a: Any, model_b: Any, step: int) -> None:
        """Measure two models by their centres and by pictures of them, drawn in the monitor's process.

        All of ``corgs/point_*`` and ``corgs/render_*`` come of it, and one place in the queue is taken. What
        is copied is 56 bytes a Gaussian of each model, 236 with harmonics of degree 3.

        Args:
            model_a, model_b: as `gscli.training.cloud_of` takes them: parameters of gsplat or nerfstudio, or
                the model of the reference code, its forks, or r2_gaussian.
            step: what the scalars are logged at.
        """

        def job() -> Measurement:
            tables = [table(model, harmonics=self._harmonics) for model in (model_a, model_b)]
            settings = {
                "names": [names for _, names in tables],
                "threshold": self._threshold,
                "tag": self._tag,
                "device": self._device,
                "asked": self._views,
            }
            return Measurement("models", int(step), (tables[0][0], tables[1][0]), settings)

        self._submit(job, step)

    def renders(self, image_a: Any, image_b: Any, step: int, *, data_range: float | None = None) -> None:
        """Measure two renders of one camera, in the convention of splatting trainers.

        PSNR is 10 log10(1 / (MSE + 1e-8)), 80 dB where they are equal; SSIM counts zeros beyond the border.

        Args:
            image_a, image_b: tensors or arrays of one shape, (C, H, W), (H, W, C) or (H, W); of 0..1, or
                uint8 of 0..255.
            step: what the scalars are logged at.
            data_range: what to divide values by, such as the maximum of X-ray renders. They may then be any
                finite floats.
        """

        def job() -> Measurement:
            span = None if data_range is None else float(data_range)  # JSON takes no tensor
            pair = (_copied(image_a), _copied(image_b))
            return Measurement("renders", int(step), pair, {"data_range": span})

        self._submit(job, step)

    def poll(self) -> None:
        """Hand to `log` what has been measured."""
        while self._results:
            scalars, step = self._results.popleft()
            try:
                if hasattr(self._log, "add_scalar"):
                    for name, number in scalars.items():
                        self._log.add_scalar(name, number, step)
                else:
                    self._log(scalars, step)
            except Exception:  # noqa: BLE001 - a broken logger must not end a training run
                self.failed += 1
                say.warning("logging the disagreement of step %d failed", step, exc_info=True)

    def close(self, timeout: float = 60.0) -> None:
        """Finish what waits, for `timeout` seconds at most, hand it over, and end the process."""
        if self._owner != os.getpid():  # a fork of the trainer: the process is not its own
            return
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        atexit.unregister(self.close)
        self._thread.join(timeout)
        if self._thread.is_alive():
            say.warning("the disagreement monitor did not finish in %g s and is ended", timeout)
            self._process.kill()
            self._thread.join(5.0)
        self._process.end()
        self.poll()
        if self.dropped:
            say.warning("%d measurements of disagreement were dropped", self.dropped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, make: Callable[[], Measurement], step: Any) -> None:
        """Put a measurement into the queue, which makes the copies that it needs."""
        self.poll()
        stopped = self._disabled or self._closing
        if stopped:
            return
        with self._wake:
            if len(self._pending) == self._size:
                oldest = self._pending.popleft()
                self.dropped += 1
                if self.dropped == 1:
                    say.warning("dropped the disagreement of step %d: measuring is too slow", oldest.step)
                del oldest  # its memory is free before the copies are made
        try:
            job = make()
        except Exception:  # noqa: BLE001 - a monitor must not end a training run
            self.failed += 1
            say.warning("the models of step %s cannot be measured", step, exc_info=True)
            return
        with self._wake:
            self._pending.append(job)
            if self._gave_up():  # meanwhile, in another thread
                self._give_up()
            self._wake.notify()

    def _gave_up(self) -> bool:
        return self._disabled

    def _give_up(self) -> None:
        """Measure nothing more; what waits is dropped. The caller holds `_wake`."""
        self._disabled = True
        self.dropped += len(self._pending)
        self._pending.clear()

    def _serve(self) -> None:
        """Hand jobs to the process, one at a time, until told to close."""
        deaths = 0
        with suppress(OSError):
            self._process.start()
        while True:
            with self._wake:
                while not self._pending and not self._closing:
                    self._wake.wait()
                if not self._pending:
                    return
                job = self._pending.popleft()
            try:
                if job.kind == "models":
                    job.settings["before"] = self._drawing
                answer = self._process.measure(job)
            except Exception as error:  # noqa: BLE001 - what ended this thread nobody would be told of
                self.failed += 1
                deaths += 1
                self._process.end()
                if self._closing or deaths == DEATHS:
                    with self._wake:
                        self._give_up()
                    say.warning("the disagreement monitor's process failed (%s); no more is measured", error)
                    return
                self.restarts += 1
                say.warning("the disagreement monitor's process ended at step %d; starting anew", job.step)
                continue
            deaths = 0
            if "error" in answer:
                self.failed += 1
                say.warning("the disagreement of step %d: %s", job.step, answer["error"])
            else:
                self._drawing = answer.get("drawing", self._drawing)
                trouble = answer.get("trouble")
                if trouble is not None and trouble not in self._told:
                    self._told.add(trouble)
                    say.warning("the models of step %d are not drawn: %s", job.step, trouble)
                self._results.append((answer["scalars"], job.step))


def _copied(values: Any) -> npt.NDArray[Any]:
    """A copy in this process's memory: float32, float64 or integers, contiguous."""
    if is_torch(values) and str(values.dtype) in ("torch.float16", "torch.bfloat16"):
        values = values.detach().float()
    array = np.array(to_numpy(values), order="C", copy=True)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"numbers are measured, not {arguments.told(values)}")
    kept = array.dtype in (np.float32, np.float64) or array.dtype.kind in "iu"
    return array if kept else array.astype(np.float64)
