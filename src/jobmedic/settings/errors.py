"""What is said when a setting cannot be used."""


class SettingsError(ValueError):
    """One line that names the variable, or the file and line, and what to write instead; never a secret's value."""
