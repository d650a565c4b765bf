"""Azure OpenAI over the `openai` SDK: questions and answers of the model, and fine-tuning; the only package that imports it."""
