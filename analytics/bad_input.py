"""What is wrong with figures that cannot be worked with: a fault of the caller, never of a market."""

from enum import StrEnum


class Rule(StrEnum):
    """The requirement that is not met."""

    AMOUNT_MUST_BE_A_DECIMAL = "amount_must_be_a_decimal"
    AMOUNT_MUST_BE_FINITE = "amount_must_be_finite"
    AMOUNT_MUST_FIT = "amount_must_fit"
    AMOUNT_MUST_BE_POSITIVE = "amount_must_be_positive"
    DAY_MUST_BE_A_DATE = "day_must_be_a_date"
    PERIOD_MUST_NOT_END_BEFORE_IT_BEGINS = "period_must_not_end_before_it_begins"
    LENGTH_MUST_BE_POSITIVE = "length_must_be_positive"
    FLOW_MUST_BE_IN_THE_PERIOD = "flow_must_be_in_the_period"
    DAYS_MUST_ASCEND = "days_must_ascend"
    VALUES_MUST_JOIN = "values_must_join"
    RETURN_MUST_FIT = "return_must_fit"
    RETURN_MUST_EXCEED_MINUS_ONE = "return_must_exceed_minus_one"


class BadInput(ValueError):
    """Correct the field that it names, and ask again: the same figures give the same error."""

    def __init__(self, field: str, rule: Rule, detail: str) -> None:
        super().__init__(f"{field}: {rule}: {detail}")
        self.field = field
        self.rule = rule
        self.detail = detail

    def __reduce__(self) -> tuple[type["BadInput"], tuple[str, Rule, str]]:
        """So that it comes out of other processes, too."""
        return type(self), (self.field, self.rule, self.detail)
