import asyncio

from shared.loops import stop


async def test_task_that_loses_a_cancellation_is_stopped_all_the_same() -> None:
    lost = 0

    async def deaf_once() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    tasks = [asyncio.create_task(deaf_once())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await stop(tasks)
    assert lost == 2 and tasks[0].cancelled()


async def test_ended_tasks_need_no_stopping() -> None:
    async def fails() -> None:
        raise ValueError

    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    await stop([task])
    assert isinstance(task.exception(), ValueError)
