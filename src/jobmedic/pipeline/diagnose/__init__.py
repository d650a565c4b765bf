"""What each new fingerprint is: by the rules, by the model within its budget, by people; the rules and the model that the champion names."""
