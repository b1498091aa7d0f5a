from components.pace import Pace


def test_it_says_a_line_every_few_seconds_and_one_at_the_end():
    # The first reading is the start.
    readings, said = iter([0.0, 2.0, 4.0, 8.0, 9.0, 10.0]), []
    pace = Pace("images embedded", readings.__next__, said.append)
    for count in (1000, 1000, 1000, 500, 500):
        pace.add(count, 4000)
    # 3,000 in 8 seconds are 375 a second, so the other 1,000 take 2.7 seconds.
    assert said == [
        "3,000 of 4,000 images embedded, 375 a second, 3 s left",
        "4,000 of 4,000 images embedded, 400 a second",
    ]
