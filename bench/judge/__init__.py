"""Judgement: classifies labelled failures as users do, and says how often the answer was an expert's."""
