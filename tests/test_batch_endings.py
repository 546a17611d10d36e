"""Batches: no thread left behind, however one ends, and what is raised."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import duisign
from batch_threads import SECONDS, own_threads
from duisign.limits import CHUNK_DOCUMENTS
from duisign.work import results_in_order

pytestmark = pytest.mark.usefixtures("no_thread_left")

MANY = 10_000
"""Documents, of which a thread takes some unless none ever starts."""

PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))

WITHOUT_MEMORY = """
import resource, sys
from pathlib import Path
import duisign
from duisign.testing import Smki

user = Smki.create().user
signer = duisign.Signer(user.private_key, user.certificate, whitespace=sys.argv[1], max_octets=10**9)
small = [b"<a> <b>%d</b></a>" % number for number in range(50)]
large = b"<a> <b>" + b"t" * 200_000_000 + b"</b> <c/> </a>"
assert all(result.ok for result in signer.sign_many(small, workers=2))
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 150_000_000,) * 2)
signed = 0
try:
    for result in signer.sign_many((one for one in [*small, large]), workers=2):
        signed += result.ok
except MemoryError:
    print(signed)
"""


class FailingOnce(ec.EllipticCurvePrivateKey):
    """A key of this process whose hundredth signature fails."""

    def __init__(self, key, failure):
        self.key, self.failure, self.calls = key, failure, 0
        self.lock = threading.Lock()

    @property
    def curve(self):
        return self.key.curve

    def public_key(self):
        return self.key.public_key()

    def sign(self, data, algorithm):
        with self.lock:
            self.calls += 1
            fails = self.calls == 100
        if not fails:
            return self.key.sign(data, algorithm)
        if self.failure is not None:
            raise self.failure
        return b"no signature"


# The rest of what a key can do is not asked for.
FailingOnce.__abstractmethods__ = frozenset()


class TestFailures:
    """Exceptions that are no results."""

    @pytest.mark.release_build
    @pytest.mark.parametrize("whitespace", ["strip", "preserve"])
    def test_a_document_without_memory_for_it_comes_behind_the_results_before_it(self, whitespace):
        """Which it needs before it is read, where something is dropped, or else for the result."""
        command = [sys.executable, "-c", WITHOUT_MEMORY, whitespace]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert (done.stdout, done.returncode) == ("50\n", 0), done.stderr

    @pytest.mark.parametrize("workers", [1, 2, 4])
    @pytest.mark.parametrize("count", [0, 1, 500])
    def test_one_of_the_input_comes_behind_the_results_before_it(self, signer, request_document, workers, count):
        def broken():
            yield from [request_document] * count
            raise RuntimeError("the database is gone")

        results, given = signer.sign_many(broken(), workers=workers), []
        with pytest.raises(RuntimeError, match="the database is gone"):
            given.extend(result.ok for result in results)
        assert given == [True] * count
        assert next(results, None) is None

    @pytest.mark.parametrize("workers", [1, 2, 4])
    def test_one_of_the_clock_comes_behind_the_results_before_it(self, smki, signed, workers):
        calls = threading.local()

        def clock():
            if threading.current_thread() and getattr(calls, "broken", False):
                raise RuntimeError("no time")
            return smki.now

        class Trust(duisign.PinnedCertificates):
            def signatories(self, hints):
                calls.broken = hints is None
                return super().signatories(hints)

        verifier = duisign.Verifier(Trust([smki.user.certificate], now=clock))
        without = signed[: signed.index(b"<ds:KeyInfo>")] + signed[signed.index(b"</ds:KeyInfo>") + 13 :]
        documents = [signed] * 300 + [without] + [signed] * 300
        results, given = verifier.verify_many(documents, workers=workers), []
        with pytest.raises(RuntimeError, match="no time"):
            given.extend(result.ok for result in results)
        assert given == [True] * 300

    @pytest.mark.parametrize("workers", [1, 2, 4])
    def test_one_of_a_key_in_this_process_is_raised_though_it_comes_but_once(self, smki, request_document, workers):
        key, given = FailingOnce(smki.user.private_key, OSError("the key is away")), []
        signer = duisign.Signer(key, smki.user.certificate)
        with pytest.raises(OSError, match="the key is away"):
            given.extend(result.ok for result in signer.sign_many([request_document] * 400, workers=workers))
        assert all(given)
        assert len(given) == 99 if workers == 1 else len(given) < 400

    @pytest.mark.parametrize("workers", [1, 2, 4])
    def test_one_answer_that_is_no_signature_is_one_result(self, smki, request_document, workers):
        key = FailingOnce(smki.user.private_key, None)
        signer = duisign.Signer(key, smki.user.certificate)
        results = list(signer.sign_many([request_document] * 400, workers=workers))
        assert [result.index for result in results] == list(range(400))
        assert [result.error.code for result in results if not result.ok] == ["key-output"]
        # Nobody is asked again.
        assert key.calls == 400

    @pytest.mark.parametrize("workers", [1, 2, 4])
    def test_one_that_ends_a_process_is_not_lost_in_a_thread(self, workers):
        def call(item):
            if item >= 100:
                raise SystemExit(item)

        results = results_in_order(call, lambda *result: result, iter(range(1000)), workers, weigh=lambda item: 0)
        given = []
        with pytest.raises(SystemExit) as caught:
            given.extend(results)
        assert len(given) <= 100
        assert caught.value.code >= 100

    def test_an_interrupt_does_not_wait_for_the_results_before_it(self):
        struck = []

        def call(item):
            # In the middle of a chunk.
            if item >= 100 and item % 32 == 10 and threading.current_thread() is threading.main_thread():
                struck.append(item)
                raise KeyboardInterrupt

        results, given = results_in_order(call, lambda *result: result, iter(range(10**6)), 2, weigh=lambda item: 0), []
        with pytest.raises(KeyboardInterrupt):
            given.extend(results)
        assert len(given) < struck[0]

    def test_a_failure_is_not_kept_alive_by_what_its_traceback_holds(self, signer, request_document):
        class Marker(RuntimeError):
            pass

        def broken():
            yield from [request_document] * 100
            raise Marker

        gc.disable()
        try:
            try:
                list(signer.sign_many(broken(), workers=2))
            except Marker as marker:
                alive = weakref.ref(marker)
            assert alive() is None
        finally:
            gc.enable()

    def test_a_result_is_not_kept_alive_by_the_batch_that_gave_it(self):
        class Result:
            def __init__(self, *facts):
                pass

        results = results_in_order(str, Result, iter(range(100)), 2, weigh=lambda item: 0)
        alive = [weakref.ref(next(results)) for _ in range(50)]
        assert [one() for one in alive] == [None] * 50
        results.close()


class TestEndings:
    """However a batch ends, it leaves no thread: the fixture of this module looks."""

    @pytest.fixture
    def results(self, signer, request_document):
        def endless():
            while True:
                yield request_document

        results = signer.sign_many(endless(), workers=3)
        for result in results:
            assert result.ok
            assert result.index < MANY
            # While documents come slowly, as on a busy machine, no thread is started.
            if own_threads():
                break
        return results

    def test_exhausted(self, signer, request_document):
        results = signer.sign_many([request_document] * 500, workers=3)
        assert sum(result.ok for result in results) == 500
        # The iterator is still there, its threads are not.
        assert own_threads() == []

    def test_closed_early(self, results):
        results.close()
        assert own_threads() == []
        assert next(results, None) is None

    def test_dropped(self, signer, request_document):
        results = signer.sign_many([request_document] * 50_000, workers=3)
        next(results)
        del results
        assert own_threads() == []

    def test_left_by_break(self, signer, request_document):
        for _ in signer.sign_many([request_document] * 50_000, workers=3):
            break
        assert own_threads() == []

    def test_exception_of_the_consumer(self, signer, request_document):
        try:
            for _ in signer.sign_many([request_document] * 50_000, workers=3):
                raise KeyError
        except KeyError:
            assert own_threads() == []
        else:
            pytest.fail("the exception is lost")

    def test_thrown_into(self, results):
        with pytest.raises(KeyError):
            results.throw(KeyError())
        assert own_threads() == []

    def test_never_begun(self, signer, request_document):
        signer.sign_many([request_document], workers=3)

    @pytest.mark.timed
    def test_threads_stop_in_the_middle_of_a_chunk(self):
        begun = []

        def call(item):
            begun.append(item)
            time.sleep(0.05)

        results = results_in_order(call, lambda *result: result, iter(range(10_000)), 3, weigh=lambda item: 0)
        for _ in range(60):
            next(results)
        before = len(begun)
        results.close()
        assert len(begun) <= before + 6

    def test_closing_does_not_wait_for_a_chunk_of_a_key_outside(self, smki, request_document):
        calls = []

        class Slow:
            def sign_digest(self, digest):
                calls.append(digest)
                # Not so slow that documents are handed over one by one.
                time.sleep(0.0003)
                r, s = utils.decode_dss_signature(smki.user.private_key.sign(digest, PREHASHED))
                return r.to_bytes(32) + s.to_bytes(32)

        signer = duisign.Signer(Slow(), smki.user.certificate)
        more = []
        for ahead in range(8):
            results = signer.sign_many((request_document for _ in range(MANY)), workers=2)
            for _ in range(100 + 7 * ahead):
                next(results)
            before = len(calls)
            results.close()
            more.append(len(calls) - before)
        # The other thread ends its document, and may have begun another in between; a chunk would have several more.
        assert max(more) <= 2

    def test_collected_as_garbage_in_one_of_its_own_threads(self):
        collected_in = []

        class Witness:
            def __del__(self):
                collected_in.append(threading.current_thread().name)

        def call(item):
            # One that the consumer does not wait for. Once it has dropped the cycle, only a collection can find it.
            if item > given[-1] + 2 * CHUNK_DOCUMENTS and threading.current_thread() is not threading.main_thread():
                begun.set()
                if dropped.wait(SECONDS):
                    gc.collect()

        def hold():
            cycle = {"witness": Witness()}
            cycle["results"] = results_in_order(
                call, lambda *result: result, iter(range(100_000)), 2, weigh=lambda item: 0
            )
            cycle["self"] = cycle
            for index, *_ in cycle["results"]:
                given.append(index)
                if begun.is_set():
                    return
            pytest.fail("no thread was ever so far ahead")

        given, begun, dropped = [0], threading.Event(), threading.Event()
        gc.collect()
        gc.disable()
        try:
            hold()
            dropped.set()
            end = time.monotonic() + SECONDS
            while own_threads() and time.monotonic() < end:
                time.sleep(0.01)
        finally:
            gc.enable()
        assert collected_in == ["duisign_0"]


PROGRAM = """
import os, signal, sys, threading, time
import duisign
from duisign.testing import Smki, make_samples

smki = Smki.create()
signer = duisign.Signer(smki.user.private_key, smki.user.certificate)
document = make_samples(smki)["service-request"].document

def endless():
    while True:
        yield document

def own_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("duisign")]

results = signer.sign_many(endless(), workers=3)
for result in results:
    assert result.index < 10_000
    if own_threads():
        break
"""


class TestProcesses:
    """What cannot be tried inside this process."""

    def run(self, program, **options):
        command = [sys.executable, "-W", "error", "-c", PROGRAM + program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, **options)
        return done.returncode, done.stdout, done.stderr

    def test_the_interpreter_ends_while_a_batch_is_open(self):
        assert self.run("print('end')") == (0, "end\n", "")

    def test_the_interpreter_ends_by_exit_inside_the_loop(self):
        assert self.run("for _ in results:\n    sys.exit(7)") == (7, "", "")

    def test_the_interpreter_ends_by_an_exception_inside_the_loop(self):
        code, output, errors = self.run("for _ in results:\n    raise KeyError('mine')")
        assert (code, output) == (1, "")
        assert errors.endswith("KeyError: 'mine'\n")
        assert "Exception ignored" not in errors

    def test_a_keyboard_interrupt(self):
        program = """
def interrupt():
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    for _ in results:
        pass
except KeyboardInterrupt:
    print(own_threads())
"""
        assert self.run(program) == (0, "[]\n", "")

    def test_a_thread_that_cannot_make_a_result_keeps_nobody_waiting(self):
        """As where there is no memory left for it."""
        program = """
from duisign.work import results_in_order
results.close()

def make(index, value, error):
    if threading.current_thread() is not threading.main_thread():
        raise MemoryError
    return index

given = []
try:
    given.extend(results_in_order(lambda item: time.sleep(0.001), make, iter(range(1000)), 2, weigh=lambda item: 0))
except MemoryError:
    print(given == list(range(len(given))), own_threads())
"""
        assert self.run(program) == (0, "True []\n", "")

    def test_keyboard_interrupts_at_any_time(self):
        """Wherever it strikes, the threads are gone when the exception is caught."""
        program = """
import random
results.close()
random.seed(7)
caught = 0
for _ in range(60):
    # Once more after two seconds: Python drops what strikes in a callback of a weak reference, as executors have them.
    signal.setitimer(signal.ITIMER_REAL, random.random() * 0.02, 2)
    try:
        for _ in signer.sign_many(endless(), workers=3):
            pass
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        caught += 1
    end = time.monotonic() + 5
    while own_threads() and time.monotonic() < end:
        time.sleep(0.001)
    assert not own_threads()
print(caught)
"""
        handler = "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        # Python's own executors and locks are not proof against interrupts everywhere: one run of three must be clean.
        outcomes = []
        for _ in range(3):
            try:
                outcomes.append(self.run(handler + program)[:2])
            except subprocess.TimeoutExpired:
                outcomes.append((None, "timeout"))
            if outcomes[-1] == (0, "60\n"):
                return
        pytest.fail(str(outcomes))
