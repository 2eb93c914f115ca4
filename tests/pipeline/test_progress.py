from multiprocessing import synchronize

from museml.pipeline.progress import Progress


def test_a_bar_leaves_no_semaphore_behind(monkeypatch):
    made, new = [], synchronize.SemLock.__init__
    monkeypatch.setattr(synchronize.SemLock, "__init__", lambda lock, *args, **kw: made.append(new(lock, *args, **kw)))
    with Progress("field") as progress:
        progress.step("read")
        progress.advance()
    assert not made
