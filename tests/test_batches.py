"""Batches: order, errors as results, and bounded read-ahead."""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter

import pytest

import duisign
from batch_threads import SECONDS, own_threads, tiny
from duisign.batch import available_workers
from duisign.limits import CHUNK_OCTETS, MAX_WORKERS, READ_AHEAD_DOCUMENTS, READ_AHEAD_OCTETS
from duisign.testing import make_samples
from duisign.work import _Feed, _Work, results_in_order

pytestmark = pytest.mark.usefixtures("no_thread_left")

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def deterministic(smki):
    return duisign.Signer(smki.user.private_key, smki.user.certificate, deterministic=True)


@pytest.fixture(scope="module")
def mixture(samples):
    """Documents of all classes, many lengths and some encodings, and every fifth or so is refused."""
    documents = [sample.document for sample in samples.values()]
    documents += [documents[0].replace(b"Fern", b"Fern" * times) for times in (1, 10, 1000, 40_000)]
    documents.append(documents[0].decode().replace("UTF-8", "UTF-16").encode("utf-16"))
    documents += [b"", b"<open>", "text", None, b"<!DOCTYPE a><a/>", b"<a/>" * 2, b"<a>" * 300 + b"</a>" * 300]
    documents += [b'<a xmlns="relative"/>']
    return [documents[(7 * index + index // 11) % len(documents)] for index in range(700)]


def serial(call, documents):
    """What a plain loop gives: the value of the call, or the code of its refusal."""
    found = []
    for document in documents:
        try:
            found.append(call(document))
        except duisign.DuisignError as error:
            found.append(error.code)
    return found


class TestResults:
    @pytest.mark.parametrize("workers", [1, 2, 3, 8])
    @pytest.mark.parametrize("form", [list, iter])
    def test_signing_gives_what_a_loop_gives(self, deterministic, mixture, workers, form):
        expected = serial(deterministic.sign, mixture)
        assert len({one for one in expected if isinstance(one, str)}) > 4
        results = list(deterministic.sign_many(form(mixture), workers=workers))
        assert [result.index for result in results] == list(range(len(mixture)))
        assert [result.document if result.ok else result.error.code for result in results] == expected

    @pytest.mark.parametrize(
        "options",
        [
            {"whitespace": "strip"},
            {"existing_signature": "replace"},
            {"whitespace": "strip", "existing_signature": "replace", "profile": duisign.Profile.SIGNXML},
            {"max_octets": 5000, "max_depth": 8},
        ],
    )
    def test_documents_are_read_as_one_by_one(self, smki, mixture, options):
        """Also those that are signed already, and those that the byte lane declines, which are counted alike."""
        key, certificate = smki.user.private_key, smki.user.certificate
        first, one_by_one, in_chunks = (
            duisign.Signer(key, certificate, deterministic=True, **options) for _ in range(3)
        )
        signed = [one for one in serial(first.sign, mixture) if isinstance(one, bytes)]
        assert len(signed) > 100
        documents = [*mixture, *signed, b"<a/>", b" <a> <b/> </a> "]
        expected = serial(one_by_one.sign, documents)
        results = list(in_chunks.sign_many(documents, workers=2))
        assert [result.document if result.ok else result.error.code for result in results] == expected
        assert in_chunks.lane_counts == one_by_one.lane_counts

    @pytest.mark.unusual
    def test_a_schema_is_asked_in_batches_too(self, smki, request_document, tmp_path):
        (tmp_path / "a.xsd").write_bytes(
            b'<schema xmlns="http://www.w3.org/2001/XMLSchema"><element name="a"/></schema>'
        )
        schema = duisign.Schema.from_folder(tmp_path)
        signer = duisign.Signer(smki.user.private_key, smki.user.certificate, schema=schema)
        results = list(signer.sign_many([b"<a></a>", request_document] * 20, workers=2))
        assert [result.ok or result.error.code for result in results] == [True, "schema-invalid"] * 20

    @pytest.mark.parametrize("workers", [1, 2, 3, 8])
    def test_verifying_gives_what_a_loop_gives(self, deterministic, verifier, mixture, workers):
        signed = [one if isinstance(one, bytes) else b"<a/>" for one in serial(deterministic.sign, mixture)]
        signed = [
            one.replace(b"Fern", b"Farn", index % 3 == 0).replace(b'URI=""', b'URI="#a"', index % 7 == 0)
            for index, one in enumerate(signed)
        ]
        expected = [one if isinstance(one, str) else one.signed_bytes for one in serial(verifier.verify, signed)]
        assert {"digest-mismatch", "unsigned", "reference-uri"} == {one for one in expected if isinstance(one, str)}
        results = list(verifier.verify_many(signed, workers=workers))
        assert [result.index for result in results] == list(range(len(signed)))
        assert [result.message.signed_bytes if result.ok else result.error.code for result in results] == expected
        assert all(result.message.entity_id for result in results if result.ok)

    def test_a_key_ring_signs_for_each_sender(self, smki):
        other = smki.issue(entity_id="00-DB-12-34-A5-00-00-77", role=0x87)
        pairs = [(one.private_key, one.certificate) for one in (smki.user, other)]
        ring = duisign.KeyRing(pairs, deterministic=True)
        document = make_samples(smki)["service-request"].document
        documents = [document, document.replace(b"00-DB-12-34-A5-00-00-01:", b"00-DB-12-34-A5-00-00-77:")] * 100
        documents += [document.replace(b"00-DB-12-34-A5-00-00-01:", b"00-DB-12-34-A5-00-00-99:")]
        *signed, refused = ring.sign_many(documents, workers=2)
        assert [result.unwrap() for result in signed] == serial(ring.sign, documents[:-1])
        assert refused.error.code == "signing-key-unknown"

    def test_an_error_is_a_result_that_keeps_no_document(self, verifier, signed):
        for workers in (1, 2):
            (result,) = verifier.verify_many([signed.replace(b"Fern", b"Farn")], workers=workers)
            assert not result.ok
            assert (result.index, result.message) == (0, None)
            error = result.error
            assert (error.code, error.__traceback__, error.__context__) == ("digest-mismatch", None, None)
            assert error.request_id is not None
            for _ in range(3):
                with pytest.raises(duisign.DigestMismatchError) as caught:
                    result.unwrap()
                assert caught.value is error
                # Raising it again does not lengthen its traceback.
                assert len(caught.traceback) == 2
            assert repr(result) == "<VerifyResult 0: digest-mismatch>"

    def test_what_went_well_is_unwrapped(self, signer, verifier, request_document):
        (signing,) = signer.sign_many([request_document])
        (verifying,) = verifier.verify_many([signing.unwrap()])
        assert verifying.unwrap() is verifying.message
        assert (signing.ok, signing.error, verifying.ok, verifying.error) == (True, None, True, None)
        assert repr(signing) == "<SignResult 0: signed>"
        assert repr(verifying) == "<VerifyResult 0: verified>"

    @pytest.mark.parametrize("workers", [None, 1, 2])
    def test_nothing_in_nothing_out(self, signer, workers):
        assert list(signer.sign_many([], workers=workers)) == []
        assert list(signer.sign_many(iter(()), workers=workers)) == []

    @pytest.mark.parametrize(
        ("documents", "workers", "code"),
        [
            (b"<a/>", 1, "documents"),
            ("<a/>", 1, "documents"),
            (None, 1, "documents"),
            (7, None, "documents"),
            ([], 0, "workers"),
            ([], -1, "workers"),
            ([], MAX_WORKERS + 1, "workers"),
            ([], 2.0, "workers"),
            ([], True, "workers"),
            ([], "2", "workers"),
        ],
    )
    def test_wrong_arguments_are_refused_at_once(self, signer, verifier, documents, workers, code):
        for many in (signer.sign_many, verifier.verify_many):
            with pytest.raises(duisign.ConfigurationError) as caught:
                many(documents, workers=workers)
            assert caught.value.code == code

    # Where documents come slowly, no thread is started.
    @pytest.mark.timed
    def test_the_default_is_a_thread_per_processor(self, signer):
        documents, taken = tiny(100_000)
        results = signer.sign_many(documents)
        next(results)
        assert len(own_threads()) == available_workers() - 1
        results.close()
        assert len(taken) < 100_000

    def test_one_result_may_be_used_while_others_come_from_many_batches(self, deterministic, request_document):
        expected = deterministic.sign(request_document)
        batches = [deterministic.sign_many([request_document] * 150, workers=2) for _ in range(4)]
        for results in zip(*batches, strict=True):
            assert {result.unwrap() for result in results} == {expected}


class TestReadAhead:
    def test_nothing_is_taken_before_the_first_result_is_asked_for(self, signer):
        documents, taken = tiny(10)
        results = signer.sign_many(documents, workers=2)
        assert taken == []
        assert len(list(results)) == len(taken) == 10

    def test_one_worker_reads_nothing_ahead_and_needs_no_thread(self, signer):
        documents, taken = tiny(10)
        for result in signer.sign_many(documents, workers=1):
            assert len(taken) == result.index + 1
            assert own_threads() == []

    @pytest.mark.parametrize("workers", [2, 4])
    def test_it_is_bounded_in_documents(self, signer, workers):
        documents, taken = tiny(100_000)
        results = signer.sign_many(documents, workers=workers)
        most = workers * READ_AHEAD_DOCUMENTS
        for given in range(2000):
            next(results)
            assert len(taken) <= given + most
        time.sleep(0.05)
        assert len(taken) <= 2000 + most
        results.close()

    def test_it_is_bounded_in_octets(self, signer):
        documents, taken = tiny(1000, MEGABYTE)
        results = signer.sign_many(documents, workers=2)
        most = (2 * READ_AHEAD_OCTETS + CHUNK_OCTETS) // MEGABYTE + 2
        for given in range(50):
            next(results)
            assert len(taken) <= given + most
        results.close()

    def test_results_do_not_wait_for_documents_that_come_slowly(self, signer, request_document):
        taken = []

        def slow():
            for index in range(20):
                time.sleep(0.003)
                taken.append(index)
                yield request_document

        for result in signer.sign_many(slow(), workers=2):
            assert len(taken) == result.index + 1

    def test_long_documents_that_come_slowly_are_worked_off_while_the_next_is_awaited(self):
        begun, taken = threading.Event(), []

        def slow():
            for index in range(200):
                assert index != 1 or begun.wait(SECONDS)
                time.sleep(0.003)
                taken.append(index)
                yield index

        results = results_in_order(
            lambda item: begun.set(), lambda *result: result, slow(), 2, weigh=lambda item: 2 * CHUNK_OCTETS
        )
        next(results)
        assert len(taken) < 100
        assert [index for index, _, _ in results] == list(range(1, 200))

    def test_long_documents_at_hand_are_not_all_taken_before_the_first_result(self):
        taken = []
        results = results_in_order(
            lambda item: time.sleep(0.001),
            lambda *result: result,
            (taken.append(index) for index in range(1000)),
            2,
            weigh=lambda item: CHUNK_OCTETS,
        )
        next(results)
        # The limit in octets alone would be 52, that in documents 512.
        assert len(taken) < 20
        results.close()

    def test_threads_that_had_nothing_to_do_work_again(self):
        worked, pauses = [], iter([False])

        def source():
            yield from range(100)
            time.sleep(0.05)
            yield from range(100, 300)

        def call(item):
            worked.append((item, threading.current_thread() is threading.main_thread()))
            time.sleep(0.001)

        results = results_in_order(
            call,
            lambda *result: result,
            source(),
            2,
            weigh=lambda item: CHUNK_OCTETS,
            at_hand=lambda: max(worked, default=(0,))[0] != 99 or next(pauses, True),
        )
        assert len(list(results)) == 300
        for first in (0, 100):
            assert {is_main for item, is_main in worked if first <= item < first + 200} == {False, True}

    @pytest.mark.parametrize("count", [3, 7, 8, 40])
    @pytest.mark.parametrize("source", [list, iter])
    def test_calls_that_take_long_do_not_wait_for_each_other(self, source, count):
        """All but the first, by which they are known: by a list, or by an iterator that does not tell its length."""
        by_thread = Counter()

        def call(item):
            by_thread[threading.get_ident()] += 1
            time.sleep(0.05)
            return item

        items = source(range(count)) if source is list else (item for item in range(count))
        found = [value for _, value, _ in results_in_order(call, lambda *one: one, items, 8, weigh=lambda item: 1)]
        assert found == list(range(count))
        # An eighth each, were it not for what else the processors do.
        assert max(by_thread.values()) <= 2 + count // 4

    def test_few_documents_need_no_thread(self, signer, request_document, monkeypatch):
        # Whatever comes in between.
        monkeypatch.setattr("duisign.work._LONG_SECONDS", SECONDS)
        for _ in signer.sign_many([request_document] * 7, workers=2):
            assert own_threads() == []

    def test_no_document_is_kept_whose_result_is_out(self):
        class Document:
            pass

        documents = [Document() for _ in range(3)]
        alive = [weakref.ref(document) for document in documents]

        def source():
            while documents:
                yield documents.pop()

        results = results_in_order(id, lambda *result: result, source(), 2, weigh=lambda item: 1, at_hand=lambda: False)
        for index, _, _ in results:
            assert len(documents) == sum(one() is not None for one in alive) == 2 - index

    @pytest.mark.parametrize(("microseconds", "length"), [(7, 128), (25, 128), (40, 26), (450, 3), (1500, 1)])
    def test_a_chunk_is_cut_where_items_come_more_slowly_than_they_are_worked_off(
        self, monkeypatch, microseconds, length
    ):
        now = 0

        def items():
            nonlocal now
            while True:
                now += microseconds
                yield b""

        monkeypatch.setattr("duisign.work.time.perf_counter", lambda: now / 1e6)
        feed = _Feed(items(), len, None)
        for size in (1, 2, 4, 8, 16, 32, 64, 128, 128):
            assert len(feed.take(1000, False)) == min(size, length)
            assert feed.slow == (size >= length < 128)

    @pytest.mark.parametrize(("microseconds", "most"), [(0, 128), (20, 100), (100, 20), (900, 2), (1100, 1)])
    def test_a_chunk_takes_some_milliseconds(self, monkeypatch, microseconds, most):
        now = 0

        def call(item):
            nonlocal now
            now += microseconds
            return item

        monkeypatch.setattr("duisign.work.time.perf_counter", lambda: now / 1e6)
        work = _Work(call, None, lambda *result: result, 1)
        work.waiting.append((0, list(range(10))))
        assert work.work_one()
        assert work.most == most
        assert work.least == max(1, most // 8)
        assert work.long == (most == 1)

    @pytest.mark.parametrize(
        ("least", "lengths"), [(1, [7, 1, 1, 4, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1]), (6, [8, 1, 6, 6, 7]), (30, [8, 1, 19])]
    )
    def test_what_nobody_has_begun_is_shared_out_at_last(self, least, lengths):
        work = _Work(str, None, lambda *result: result, 1)
        work.waiting.extend([(100, list(range(100, 108))), (108, [108]), (109, list(range(109, 128)))])
        work.least = least
        cuts = work.share_out(4)
        assert [length for _, length in cuts] == lengths
        assert [(first, len(items)) for first, items in work.waiting] == cuts
        # Chunks that were kept short, as for long documents, are not joined.
        assert {100, 108, 109} <= {first for first, _ in cuts}
        assert [item for _, items in work.waiting for item in items] == list(range(100, 128))
        assert all(first == items[0] for first, items in work.waiting)
        work.waiting.clear()
        assert work.share_out(4) == []

    @pytest.mark.parametrize("source", [list, iter])
    @pytest.mark.parametrize("count", [0, 30, 300])
    def test_it_is_shared_out_once_when_the_last_item_is_taken(self, monkeypatch, source, count):
        shared, taken = [], []
        share_out = _Work.share_out

        def items():
            for index in range(count):
                taken.append(index)
                yield index

        def watched(work, shares):
            assert source is list or len(taken) == count
            cuts = share_out(work, shares)
            shared.append((shares, cuts))
            return cuts

        def call(item):
            # So that the other thread leaves something.
            while threading.current_thread() is not threading.main_thread() and not shared:
                time.sleep(0.001)

        monkeypatch.setattr(_Work, "share_out", watched)
        # Nothing comes slowly, on a busy machine either.
        monkeypatch.setattr("duisign.work.time.perf_counter", lambda: 0.0)
        given = list(range(count)) if source is list else items()
        results = results_in_order(call, lambda *result: result, given, 2, weigh=lambda item: 1)
        assert [index for index, _, _ in results] == list(range(count))
        [(shares, cuts)] = shared
        assert shares == 4
        assert sum(cuts[-1]) == count if count else cuts == []

    def test_nobody_waits_for_what_was_finished_in_between(self):
        work = _Work(str, None, lambda *result: result, 1)
        work.waiting.append((0, [7]))
        assert work.work_one()
        waiting = threading.Thread(target=work.wait, args=(0,), daemon=True)
        waiting.start()
        waiting.join(SECONDS)
        assert not waiting.is_alive()

    def test_results_are_out_before_somebody_waits_for_documents(self):
        """As for a peer that sends the next document when it has the answer to the last."""
        queue, answers = list(range(1000)), []

        def source():
            while len(answers) < 5000:
                # Nothing at hand means that everything is answered.
                if not queue:
                    assert len(answers) % 1000 == 0
                    queue.extend(range(1000))
                yield queue.pop()

        results = results_in_order(
            str, lambda *result: result, source(), 2, weigh=lambda item: 1, at_hand=lambda: bool(queue)
        )
        for result in results:
            answers.append(result)
        assert [index for index, _, _ in answers] == list(range(5000))
