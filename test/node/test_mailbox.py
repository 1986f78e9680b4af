# SPDX-License-Identifier: Apache-2.0
"""Newest ready item wins, drops are exact, cameras take turns."""

import random
import threading
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from prv2_ros.node.mailbox import MAX_HELD, Mailbox


def test_the_newest_item_wins_and_the_others_are_counted():
    mailbox = Mailbox(["a"])
    assert [mailbox.put("a", item) for item in range(5)] == [False, True, True, True, True]
    assert mailbox.take(0) == ("a", 4)
    assert mailbox.take(0) is None
    assert mailbox.dropped("a") == 4


def test_cameras_take_turns_however_fast_one_of_them_is():
    mailbox = Mailbox(["fast", "slow", "silent"])
    served = []
    for _ in range(50):
        mailbox.put("fast", 0)
        mailbox.put("fast", 1)
        mailbox.put("slow", 0)
        served.append(mailbox.take(0)[0])
    assert served.count("fast") == served.count("slow") == 25


def test_of_cameras_never_served_the_newest_comes_first():
    mailbox = Mailbox(["a", "b"])
    mailbox.put("a", 1)
    time.sleep(0.002)
    mailbox.put("b", 2)
    assert mailbox.take(0) == ("b", 2)


def test_a_held_item_waits_for_its_time_or_its_release():
    mailbox = Mailbox(["a"])
    mailbox.put("a", 1, hold_s=0.1)
    start = time.monotonic()
    assert mailbox.take(0.02) is None
    assert mailbox.take(5) == ("a", 1)
    assert 0.09 < time.monotonic() - start < 3
    mailbox.put("a", 2, hold_s=60)
    assert mailbox.take(0.02) is None
    mailbox.release("a")
    assert mailbox.take(0) == ("a", 2)


def test_a_held_item_does_not_hold_up_another_camera():
    mailbox = Mailbox(["a", "b"])
    mailbox.put("a", 1, hold_s=60)
    mailbox.put("b", 2)
    assert mailbox.take(0) == ("b", 2)


def test_items_that_are_held_wait_beside_each_other_until_their_stamp_is_released():
    mailbox = Mailbox(["a"])
    assert not any(mailbox.put("a", number, hold_s=60, stamp_ns=number) for number in range(4))
    assert mailbox.take(0) is None
    mailbox.release("a", 1)
    assert mailbox.take(0) == ("a", 1) and mailbox.dropped("a") == 1  # 0 is older and ready too
    assert mailbox.take(0) is None
    mailbox.release("a", 2)
    assert mailbox.take(0) == ("a", 2)
    assert mailbox.put("a", 4) and mailbox.take(0) == ("a", 4) and mailbox.dropped("a") == 2


def test_of_too_many_held_items_the_oldest_stay():
    mailbox = Mailbox(["a"])
    assert [mailbox.put("a", number, hold_s=60) for number in range(MAX_HELD + 2)] == [False] * MAX_HELD + [True] * 2
    mailbox.release("a")
    assert mailbox.take(0) == ("a", MAX_HELD + 1) and mailbox.take(0) is None
    assert mailbox.dropped("a") == MAX_HELD + 1


def test_clear_counts_what_it_throws_away():
    mailbox = Mailbox(["a"])
    mailbox.put("a", 1)
    mailbox.clear()
    mailbox.clear()
    assert mailbox.take(0) is None
    assert mailbox.dropped("a") == 1


def test_close_ends_a_waiting_take():
    mailbox = Mailbox(["a"])
    threading.Timer(0.05, mailbox.close).start()
    start = time.monotonic()
    assert mailbox.take(30) is None
    assert time.monotonic() - start < 5
    mailbox.put("a", 1)
    assert mailbox.take(30) is None


def test_nothing_is_lost_or_doubled_between_threads():
    mailbox = Mailbox(["a", "b"])
    taken = []
    done = threading.Event()

    def take():
        while (item := mailbox.take(0.01)) or not done.is_set():
            taken.extend([item] if item else [])

    taker = threading.Thread(target=take)
    taker.start()
    for number in range(20000):
        mailbox.put(random.Random(number).choice("ab"), number)
    done.set()
    taker.join()
    for camera in "ab":
        numbers = [item for name, item in taken if name == camera]
        assert numbers == sorted(set(numbers))
    assert len(taken) + mailbox.dropped("a") + mailbox.dropped("b") == 20000
