"""An action happens once, whoever else is at work and whenever a pass dies."""

from jobmedic.sandbox import Ending
from tests.pipeline.ward import Admit, cause, failing


def test_a_second_pass_does_nothing_again(admit: Admit) -> None:
    ward = admit(failing(why=cause(ends=Ending(after_retries=1))))
    first, second = ward.treat(), ward.treat()
    assert (first.tally.actions, second.tally.actions) == ({"applied": 1}, {})
    assert ward.repairs() == ("jobmedic@sandbox.example",)
