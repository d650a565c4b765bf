"""Fine-tuning: prepare the data, submit the job, follow it, and promote what it made if it is better."""
